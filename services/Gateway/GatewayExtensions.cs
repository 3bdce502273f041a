using Brownian.Gateway.Catalog;
using Brownian.Gateway.Direct;
using Brownian.Gateway.Generation;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Uploads;
using Brownian.Inference.Engines;
using Brownian.Inference.Stages;
using Brownian.Platform.Hosting;
using Brownian.Platform.Jobs;

namespace Brownian.Gateway;

/// <summary>The gateway as a part of a process.</summary>
public static class GatewayExtensions
{
    /// <summary>The public interface, and the reconciler.</summary>
    public static PlatformBuilder AddGateway(this PlatformBuilder platform)
    {
        IServiceCollection services = platform.Services;
        services.AddSingleton<RequestDesk>();
        services.AddSingleton<UploadDesk>();
        services.AddSingleton<DirectDesk>();
        services.AddHostedService<Reconciler>();
        if (platform.Options.IsCluster)
        {
            services.AddSingleton<WorkerPool>();
            services.AddSingleton<IEngines, RemoteEngines>();
            services.AddSingleton<IStageRunner, TextEncodeRunner>();
            services.AddSingleton<IStageRunner, DenoiseRunner>();
            services.AddSingleton<IStageRunner, VaeDecodeRunner>();
            services.AddSingleton<IStageRunner, VaeEncodeRunner>();
            services.AddSingleton<IStageRunner, WriteRunner>();
        }
        return platform.Map(app =>
        {
            app.Use(next => context => RequestUnions.RewriteAsync(context, next));
            app.MapGrpcService<GenerationService>();
            app.MapGrpcService<ModelsService>();
            app.MapGrpcService<WorkersService>();
        });
    }
}
