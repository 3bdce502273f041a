using Brownian.AppHost;

return await ClusterHost.RunAsync(args);
