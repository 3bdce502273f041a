using Brownian.Gateway.A1111;
using Brownian.Gateway.Access;
using Brownian.Gateway.Callbacks;
using Brownian.Gateway.Catalog;
using Brownian.Gateway.Direct;
using Brownian.Gateway.Generation;
using Brownian.Gateway.Load;
using Brownian.Gateway.OpenAi;
using Brownian.Gateway.OpenApi;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Scaling;
using Brownian.Gateway.Uploads;
using Brownian.Hosting;
using Brownian.Hosting.Certificates;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Stages;
using Brownian.Requests;

namespace Brownian.Gateway;

/// <summary>Adds the gateway to a process.</summary>
public static class GatewayExtensions
{
    /// <summary>Adds the public API, and the reconciler.</summary>
    public static PlatformBuilder AddGateway(this PlatformBuilder platform)
    {
        IServiceCollection services = platform.Services;
        services.AddSingleton<RequestService>();
        services.AddSingleton<UploadService>();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<ArtifactSigner>();
        services.AddSingleton<IPendingWork>(provider => provider.GetRequiredService<IJobStore>());
        services.AddSingleton<PlatformLoad>();
        services.AddSingleton<JobEstimates>();
        services.AddSingleton<JobSubmissions>();
        services.AddSingleton<ServedModels>();
        services.AddSingleton<OpenAiModels>();
        services.AddSingleton<OpenAiImages>();
        services.AddSingleton<A1111Settings>();
        services.AddSingleton<A1111Catalog>();
        services.AddSingleton<A1111Images>();
        services.AddSingleton<A1111Extras>();
        services.AddSingleton<PoolScaler>();
        services.AddGrpc().AddServiceOptions<ExternalScalerService>(grpc => grpc.MaxReceiveMessageSize = ExternalScalerService.MaxMessageBytes);
        services.AddSingleton<DirectService>();
        // A process that has models runs stages itself.
        services.AddSingleton<IDirectStages>(provider => provider.GetService<IReadOnlyList<IStageRunner>>() is { } runners
            ? new LocalStages(runners)
            : new RemoteStages(provider.GetRequiredService<WorkerPool>()));
        services.AddHostedService<InitialKeys>();
        services.AddHostedService<StartWarnings>();
        services.AddHostedService<ServedPorts>();
        services.AddSingleton<CallbackHosts>();
        services.AddSingleton<CallbackSender>();
        services.AddSingleton<ICallbackSender>(provider => provider.GetRequiredService<CallbackSender>());
        services.AddHostedService(provider => provider.GetRequiredService<CallbackSender>());
        services.AddHostedService<Reconciler>();
        services.AddHostedService<LoadReporter>();
        if (platform.Options.IsCluster)
        {
            services.AddSingleton(provider => new WorkerPool(
                provider.GetRequiredService<ICatalog>(), provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ProcessCertificates>(), platform.Options.ServiceToken));
        }
        return platform.Map(app =>
        {
            app.Use(next => context => QueryParameters.CheckAsync(context, next));
            app.Use(next => context => JsonBodies.ReadAsync(context, next));
            OpenAiDoor.Map(app);
            A1111Door.Map(app);
            OpenApiDoor.Map(app);
            app.MapGrpcService<GenerationService>();
            // For JSON clients: the file itself.
            app.MapMethods("/v1/artifacts/{id}", ["GET", "HEAD"], ArtifactDownload.GetAsync).Requires(Permission.Read);
            // For JSON clients: the events of a job.
            app.MapGet("/v1/jobs/{id}/events", JobEventStream.GetAsync).Requires(Permission.Read);
            // For browsers and others without credentials: the file of a signed link.
            app.MapMethods("/v1/signed/{id}", ["GET", "HEAD"], ArtifactDownload.GetSignedAsync).Requires(Permission.None);
            // For editors and forms: the JSON schema of a request.
            app.MapGet("/v1/request.schema.json", () => Results.Text(RequestSchema.ToJsonSchemaText(), "application/schema+json"))
                .Requires(Permission.Read);
            app.MapGrpcService<ModelsService>();
            app.MapGrpcService<AccountService>();
            app.MapGrpcService<AccessService>().OnPort(ListeningPort.Operators);
            app.MapGrpcService<WorkersService>().OnPort(ListeningPort.Operators);
            app.MapGrpcService<ExternalScalerService>().OnPort(ListeningPort.Operators);
        });
    }
}
