using Brownian.Gateway;
using Brownian.Platform.Hosting;

return await PlatformHost.RunAsync(args, ServiceRole.Gateway, platform => platform.AddGateway());
