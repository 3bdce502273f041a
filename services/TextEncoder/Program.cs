using Brownian.Hosting;
using Brownian.TextEncoder;

return await PlatformHost.RunAsync(args, ServiceRole.TextEncoder, platform => platform.AddTextEncoder());
