using Brownian.Hosting.Certificates;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Brownian.Hosting;

/// <summary>The defaults of every process of the platform: configuration, endpoints, health, telemetry, stores, shutdown.</summary>
public static class PlatformHost
{
    private const string Live = "live";
    private const string Ready = "ready";
    private const string SecretsVariable = "BROWNIAN_SECRETS";

    /// <summary>The argument with which a program queries the readiness of the process with the same settings, instead of running one.</summary>
    public const string HealthArgument = "health";

    /// <summary>Runs a process until it ends.</summary>
    /// <param name="args">The command line: settings, or <see cref="HealthArgument"/>.</param>
    /// <param name="role">The role of the process.</param>
    /// <param name="add">Adds its services.</param>
    /// <returns>The exit code: 0 for success; 2 for invalid settings and 1 for other failures, with one line on standard error.</returns>
    public static async Task<int> RunAsync(string[] args, ServiceRole role, Action<PlatformBuilder> add)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        try
        {
            if (args is [HealthArgument])
            {
                return await HealthProbe.RunAsync(ReadSettings(CreateBuilder([])), role).ConfigureAwait(false);
            }
            WebApplication app = Build(args, role, add);
            // The services are gone when the process ends.
            ProcessEnd end = app.Services.GetRequiredService<ProcessEnd>();
            PlatformOptions options = app.Services.GetRequiredService<PlatformOptions>();
            await using (app.ConfigureAwait(false))
            {
                try
                {
                    await app.RunAsync().ConfigureAwait(false);
                }
                catch (IOException exception) when (exception.InnerException is AddressInUseException)
                {
                    throw new IOException(ListeningPorts.DescribeTaken(exception, options, role), exception);
                }
            }
            if (end.Error is not { } error)
            {
                return 0;
            }
            await Console.Error.WriteLineAsync("brownian: " + error.ReplaceLineEndings(" ")).ConfigureAwait(false);
            return 1;
        }
        catch (Exception exception) when (
            exception is FieldFaultException or OptionsValidationException or Formats.Files.ModelException or PlatformUnavailableException
                or IOException)
        {
            string message = exception is PlatformUnavailableException unavailable ? unavailable.Details : exception.Message;
            await Console.Error.WriteLineAsync("brownian: " + message.ReplaceLineEndings(" ")).ConfigureAwait(false);
            return exception is FieldFaultException or OptionsValidationException ? 2 : 1;
        }
    }

    /// <summary>Builds a process.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="role">The role of the process.</param>
    /// <param name="add">Adds its services.</param>
    /// <exception cref="OptionsValidationException">Settings are invalid.</exception>
    /// <exception cref="FieldFaultException">The configuration cannot be read, or settings are invalid for the added services.</exception>
    public static WebApplication Build(string[] args, ServiceRole role, Action<PlatformBuilder> add)
    {
        WebApplicationBuilder web = CreateBuilder(args);
        PlatformOptions options = ReadSettings(web);
        if (options.OperatorGrpcPort is not null && role.OperatorGrpcPort is null)
        {
            throw new FieldFaultException(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.OperatorGrpcPort)),
                $"is for gateways only; operators do not call a {role.Name} by gRPC"));
        }
        var certificates = new ProcessCertificates(options.ReadCertificateFiles(), TimeProvider.System);
        web.Services.AddSingleton(certificates);
        web.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<CertificateReload>(provider, TimeProvider.System));
        web.WebHost.ConfigureKestrel(kestrel =>
        {
            ListeningPorts.Listen(kestrel, options, role, certificates);
            kestrel.AddServerHeader = false;
        });
        var builder = new PlatformBuilder(web, role, options);
        web.Services.AddSingleton<ListeningAddresses>();
        builder.AddDefaults();
        GrpcDefaults.Add(builder);
        TelemetryDefaults.Add(builder);
        web.Services.AddHealthChecks()
            .AddCheck("self", () => HealthCheckResult.Healthy(), [Live])
            .AddCheck<PlatformHealth>("platform", tags: [Ready]);
        web.Services.AddSingleton<PlatformHealth>();
        add(builder);
        WebApplication app = web.Build();
        try
        {
            // Invalid settings that only the stores can detect are reported before anything starts.
            app.Services.GetRequiredService<IJobStore>();
            app.Services.GetRequiredService<OperatorAccess>();
            app.Services.GetRequiredService<InitialKey>();
        }
        catch
        {
            // The application is disposed here, because the caller gets no process to dispose.
            ((IDisposable)app).Dispose();
            throw;
        }
        app.Use(next => context => JsonErrors.ExplainAsync(context, next));
        ListeningPorts.Use(app);
        app.MapHealthChecks("/health/live", Health(Live)).OnPort(ListeningPort.Any).Requires(Permission.None);
        app.MapHealthChecks("/health/ready", Health(Ready)).OnPort(ListeningPort.Any).Requires(Permission.None);
        TelemetryDefaults.Map(app);
        builder.Apply(app);
        return app;
    }

    private static WebApplicationBuilder CreateBuilder(string[] args) =>
        WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });

    private static PlatformOptions ReadSettings(WebApplicationBuilder web)
    {
        AddSecrets(web.Configuration);
        return Read(web.Configuration);
    }

    /// <summary>
    /// Adds settings from files: in the folder that <c>BROWNIAN_SECRETS</c> names, each file is named like a variable, such as
    /// <c>Platform__InitialKey</c>, and contains the value.
    /// </summary>
    private static void AddSecrets(ConfigurationManager configuration)
    {
        if (Environment.GetEnvironmentVariable(SecretsVariable) is not { Length: > 0 } folder)
        {
            return;
        }
        try
        {
            configuration.AddKeyPerFile(Path.GetFullPath(folder), optional: false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault(SecretsVariable, $"{folder} cannot be read: {exception.Message}"));
        }
    }

    /// <summary>
    /// Reads the settings with .NET's options, before the host is built: the addresses it listens on and the stores it uses depend on them.
    /// Validation at the host's start would be too late for that, and would bind and validate the settings a second time.
    /// </summary>
    private static PlatformOptions Read(ConfigurationManager configuration)
    {
        using ServiceProvider provider = new ServiceCollection()
            .AddSingleton<IValidateOptions<PlatformOptions>, PlatformOptionsValidator>()
            .AddOptions<PlatformOptions>()
            .Bind(configuration.GetSection(PlatformOptions.Section), binder => binder.ErrorOnUnknownConfiguration = true)
            .Services.BuildServiceProvider();
        try
        {
            return provider.GetRequiredService<IOptions<PlatformOptions>>().Value;
        }
        catch (InvalidOperationException exception)
        {
            throw new FieldFaultException(
                new FieldFault(PlatformOptions.Section, "cannot be read: " + (exception.InnerException ?? exception).Message));
        }
    }

    private static HealthCheckOptions Health(string tag) => new()
    {
        Predicate = check => check.Tags.Contains(tag),
        ResponseWriter = static (context, report) => context.Response.WriteAsync(string.Join(
            '\n',
            report.Entries.Select(
                entry =>
                    $"{entry.Key}: {entry.Value.Status.ToString().ToLowerInvariant()}{(entry.Value.Description is { } text ? ", " + text : "")}"))),
    };
}
