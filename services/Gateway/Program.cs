using Brownian.Gateway;
using Brownian.Hosting;

return await PlatformHost.RunAsync(args, ServiceRole.Gateway, platform => platform.AddGateway());
