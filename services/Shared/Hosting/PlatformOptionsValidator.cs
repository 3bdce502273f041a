using System.Net;
using Brownian.Jobs.Access;
using Brownian.Jobs.Queues;
using Brownian.Models.Devices;
using Microsoft.Extensions.Options;

namespace Brownian.Hosting;

/// <summary>Validates the settings.</summary>
internal sealed class PlatformOptionsValidator : IValidateOptions<PlatformOptions>
{
    /// <summary>The least length of a token.</summary>
    private const int MinTokenLength = 16;

    /// <summary>The largest quota of requests, each of which is remembered for a minute.</summary>
    internal const long MaxRequestsPerMinute = 100_000;

    /// <summary>Returns every fault at once, each with the field, the value and what is allowed.</summary>
    public ValidateOptionsResult Validate(string? name, PlatformOptions options)
    {
        var faults = new List<FieldFault>();
        if ((options.RabbitMq is null) != (options.Redis is null))
        {
            faults.Add(
                new FieldFault(
                    PlatformOptions.Field(options.RabbitMq is null ? nameof(PlatformOptions.RabbitMq) : nameof(PlatformOptions.Redis)),
                    "is missing; a cluster needs both RabbitMq and Redis, one process needs neither"));
        }
        if (options.RabbitMq is not null && !(Uri.TryCreate(options.RabbitMq, UriKind.Absolute, out Uri? uri) && uri.Scheme is "amqp" or "amqps"))
        {
            faults.Add(
                new FieldFault(
                    PlatformOptions.Field(nameof(PlatformOptions.RabbitMq)), "is not an address; allowed: amqp://user:password@host:port/"));
        }
        if (options.Device is { } single && !Device.TryParse(single, out _))
        {
            faults.Add(FieldFault.Of(PlatformOptions.Field(nameof(PlatformOptions.Device)), single, Device.Allowed));
        }
        for (int i = 0; i < options.Devices.Length; i++)
        {
            if (!Device.TryParse(options.Devices[i], out _))
            {
                string field = string.Create(CultureInfo.InvariantCulture, $"{PlatformOptions.Field(nameof(PlatformOptions.Devices))}:{i}");
                faults.Add(FieldFault.Of(field, options.Devices[i], Device.Allowed));
            }
        }
        if (options.Device is not null && options.Devices.Length > 0)
        {
            faults.Add(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.Device)),
                $"cannot be given with {PlatformOptions.Field(nameof(PlatformOptions.Devices))}, which lists every device"));
        }
        for (int i = 0; i < options.Priorities.Length; i++)
        {
            if (!JobPriorityNames.All.ContainsKey(options.Priorities[i]))
            {
                string field = string.Create(CultureInfo.InvariantCulture, $"{PlatformOptions.Field(nameof(PlatformOptions.Priorities))}:{i}");
                faults.Add(FieldFault.Of(field, options.Priorities[i], JobPriorityNames.Allowed));
            }
        }
        foreach ((string field, string value) in ((string, string)[])
            [(nameof(PlatformOptions.Listen), options.Listen), (nameof(PlatformOptions.OperatorListen), options.OperatorListen)])
        {
            if (!IPAddress.TryParse(value, out _))
            {
                faults.Add(FieldFault.Of(PlatformOptions.Field(field), value, "an IP address, such as 127.0.0.1 or 0.0.0.0"));
            }
        }
        if (options.Ephemeral && options.DataFolder is not null)
        {
            faults.Add(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.Ephemeral)),
                $"cannot be given with {PlatformOptions.Field(nameof(PlatformOptions.DataFolder))}: nothing would be stored there"));
        }
        if (options.DataFolder is { Length: 0 })
        {
            faults.Add(FieldFault.Of(PlatformOptions.Field(nameof(PlatformOptions.DataFolder)), "", "the path of a folder"));
        }
        if (options.WatchedFolder is { } watched && !Directory.Exists(watched))
        {
            faults.Add(FieldFault.Of(PlatformOptions.Field(nameof(PlatformOptions.WatchedFolder)), watched, "a folder that exists"));
        }
        Check(nameof(PlatformOptions.AnswerSeconds), options.AnswerSeconds, 0.1, 600);
        Check(nameof(PlatformOptions.Threads), options.Threads, 1, 256);
        Check(nameof(PlatformOptions.MemoryLimitMiB), options.MemoryLimitMiB, 1, int.MaxValue);
        Check(nameof(PlatformOptions.ResidentLimitMiB), options.ResidentLimitMiB, 0, int.MaxValue);
        Check(nameof(PlatformOptions.HttpPort), options.HttpPort, 0, 65535);
        Check(nameof(PlatformOptions.GrpcPort), options.GrpcPort, 0, 65535);
        Check(nameof(PlatformOptions.OperatorHttpPort), options.OperatorHttpPort, 0, 65535);
        Check(nameof(PlatformOptions.OperatorGrpcPort), options.OperatorGrpcPort, 0, 65535);
        Check(nameof(PlatformOptions.Slots), options.Slots, 1, 64);
        Check(nameof(PlatformOptions.QueuedCalls), options.QueuedCalls, 0, 10_000);
        Check(nameof(PlatformOptions.MaxWaitSeconds), options.MaxWaitSeconds, 0, 86_400);
        Check(nameof(PlatformOptions.CheckpointEvery), options.CheckpointEvery, 1, 1000);
        Check(nameof(PlatformOptions.ProgressSeconds), options.ProgressSeconds, 0, 60);
        Check(nameof(PlatformOptions.LeaseSeconds), options.LeaseSeconds, 0.3, 600);
        Check(nameof(PlatformOptions.ReconcileSeconds), options.ReconcileSeconds, 0.05, 60);
        Check(nameof(PlatformOptions.GraceSeconds), options.GraceSeconds, 0.1, 600);
        Check(nameof(PlatformOptions.DrainSeconds), options.DrainSeconds, 0, 3600);
        Check(nameof(PlatformOptions.StartSeconds), options.StartSeconds, 0, 86_400);
        Check(nameof(PlatformOptions.RetentionHours), options.RetentionHours, 1e-6, 1e6);
        Check(nameof(PlatformOptions.MaxJobs), options.MaxJobs, 1, long.MaxValue);
        Check(nameof(PlatformOptions.MaxConnections), options.MaxConnections, 1, long.MaxValue);
        Check(nameof(PlatformOptions.MaxConnectionsPerAddress), options.MaxConnectionsPerAddress, 1, int.MaxValue);
        Check(nameof(PlatformOptions.MaxCallsPerCaller), options.MaxCallsPerCaller, 1, int.MaxValue);
        Check(nameof(PlatformOptions.MinBytesPerSecond), options.MinBytesPerSecond, 1, 1e9);
        Check(nameof(PlatformOptions.MaxUploadBytesPerAddress), options.MaxUploadBytesPerAddress, 1, long.MaxValue);
        Check(nameof(PlatformOptions.MaxUploadsPerAddress), options.MaxUploadsPerAddress, 1, long.MaxValue);
        Check(nameof(PlatformOptions.MaxUploadBytes), options.MaxUploadBytes, 1, long.MaxValue);
        const string Networks = "an IP address, such as 10.0.0.7, or a network, such as 10.0.0.0/8 or fd00::/8";
        CheckEach(nameof(PlatformOptions.TrustedProxies), options.TrustedProxies, IsNetwork, Networks);
        CheckEach(nameof(PlatformOptions.OperatorNetworks), options.OperatorNetworks, IsNetwork, Networks);
        CheckEach(
            nameof(PlatformOptions.Origins), options.Origins, IsOrigin,
            "a scheme, a host and where needed a port, such as https://studio.example.org or http://127.0.0.1:3000; or *");
        foreach ((string field, string? value) in ((string, string?)[])
            [(nameof(PlatformOptions.OperatorToken), options.OperatorToken), (nameof(PlatformOptions.MetricsToken), options.MetricsToken),
                (nameof(PlatformOptions.ServiceToken), options.ServiceToken)])
        {
            if (value is { Length: > 0 and < MinTokenLength } token)
            {
                faults.Add(new FieldFault(PlatformOptions.Field(field), $"has {token.Length} characters; allowed: {MinTokenLength} and more"));
            }
        }
        Check(nameof(PlatformOptions.TenantRequestsPerMinute), options.TenantRequestsPerMinute, 0, MaxRequestsPerMinute);
        Check(nameof(PlatformOptions.TenantJobs), options.TenantJobs, 0, long.MaxValue);
        Check(nameof(PlatformOptions.TenantPixelStepsPerDay), options.TenantPixelStepsPerDay, 0, long.MaxValue);
        Check(nameof(PlatformOptions.TenantStoredBytes), options.TenantStoredBytes, 0, long.MaxValue);
        Check(nameof(PlatformOptions.CallbackSeconds), options.CallbackSeconds, 0.1, 60);
        Check(nameof(PlatformOptions.CallbackPauseSeconds), options.CallbackPauseSeconds, 0.1, 3600);
        CheckEach(
            nameof(PlatformOptions.CallbackHosts), options.CallbackHosts, IsCallbackHost,
            "a host's name, *.NAME for the names below one, an IP address, or *");
        for (int i = 0; i < options.CallbackSecrets.Length; i++)
        {
            if (CallbackSecret.Parse(options.CallbackSecrets[i]) is null)
            {
                // Without the value, which is meant to be a secret.
                string field = string.Create(CultureInfo.InvariantCulture, $"{PlatformOptions.Field(nameof(PlatformOptions.CallbackSecrets))}:{i}");
                faults.Add(new FieldFault(field, "is not a secret; allowed: " + CallbackSecret.Allowed));
            }
        }
        if (options is { CallbackHosts.Length: > 0, CallbackSecrets.Length: 0 })
        {
            faults.Add(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.CallbackSecrets)),
                $"is missing; {PlatformOptions.Field(nameof(PlatformOptions.CallbackHosts))} needs a secret that signs callbacks: "
                    + CallbackSecret.Allowed));
        }
        CheckAuthentication(options, faults);
        faults.AddRange(
            options.ReadCertificateFiles().Read(TimeProvider.System.GetUtcNow()).Faults
                .Select(fault => new FieldFault(PlatformOptions.Field(fault.Field), fault.Message)));
        if (options is { CertificateFile.Length: > 0, Advertise: { } advertised }
            && !advertised.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            faults.Add(FieldFault.Of(
                PlatformOptions.Field(nameof(PlatformOptions.Advertise)), advertised, "with CertificateFile: https://host:port"));
        }
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults.Select(fault => fault.ToString()));

        void CheckEach(string name, string[] values, Func<string, bool> isAllowed, string allowed)
        {
            for (int i = 0; i < values.Length; i++)
            {
                if (!isAllowed(values[i]))
                {
                    faults.Add(FieldFault.Of(string.Create(CultureInfo.InvariantCulture, $"{PlatformOptions.Field(name)}:{i}"), values[i], allowed));
                }
            }
        }

        void Check(string name, double? value, double minimum, double maximum)
        {
            if (value is { } given && !(given >= minimum && given <= maximum))
            {
                faults.Add(FieldFault.Of(PlatformOptions.Field(name), given, string.Create(CultureInfo.InvariantCulture, $"{minimum}..{maximum}")));
            }
        }
    }

    private static void CheckAuthentication(PlatformOptions options, List<FieldFault> faults)
    {
        (string Name, string Address)[] listening =
            [(nameof(PlatformOptions.Listen), options.Listen), (nameof(PlatformOptions.OperatorListen), options.OperatorListen)];
        string[] open =
        [
            .. listening.Where(pair => IPAddress.TryParse(pair.Address, out IPAddress? address) && !IPAddress.IsLoopback(address))
                .Select(pair => $"{pair.Name} {pair.Address}"),
        ];
        const string Values = "required (docs/security.md), or none, which lets every caller in";
        if (options.Authentication is { } given && given is not (PlatformOptions.AuthenticationRequired or PlatformOptions.AuthenticationNone))
        {
            faults.Add(FieldFault.Of(PlatformOptions.Field(nameof(PlatformOptions.Authentication)), given, Values));
        }
        else if (options.Authentication is null && open.Length > 0)
        {
            faults.Add(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.Authentication)),
                $"is missing; other machines can reach {string.Join(" and ", open)}; allowed: {Values}. On the command line: serve --require-keys"));
        }
        if (options.InitialKey is { } key && !KeyText.TryParse(key, out _))
        {
            // Without the value, which may be a secret.
            faults.Add(new FieldFault(PlatformOptions.Field(nameof(PlatformOptions.InitialKey)), "is not an API key; allowed: " + KeyText.Allowed));
        }
        if (options.OidcAuthority is { } authority
            && !(Uri.TryCreate(authority, UriKind.Absolute, out Uri? uri)
                && (uri.Scheme == Uri.UriSchemeHttps || uri is { Scheme: "http", IsLoopback: true })))
        {
            faults.Add(FieldFault.Of(
                PlatformOptions.Field(nameof(PlatformOptions.OidcAuthority)), authority, "https://host/path; http only for this machine itself"));
        }
        if ((options.OidcAuthority is null) != (options.OidcAudience is null))
        {
            faults.Add(new FieldFault(
                PlatformOptions.Field(
                    options.OidcAudience is null ? nameof(PlatformOptions.OidcAudience) : nameof(PlatformOptions.OidcAuthority)),
                "is missing; an issuer needs both OidcAuthority and OidcAudience"));
        }
    }

    private static bool IsNetwork(string text) => PlatformOptions.ReadNetwork(text) is not null;

    private static bool IsCallbackHost(string text) =>
        text == "*" || IPAddress.TryParse(text, out _)
            || Uri.CheckHostName(text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text) == UriHostNameType.Dns;

    private static bool IsOrigin(string text) =>
        text == "*"
            || (
                Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
                    && uri.GetLeftPart(UriPartial.Authority) == text);
}
