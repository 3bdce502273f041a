using Brownian.TextEncoder;
using Brownian.Platform.Hosting;

return await PlatformHost.RunAsync(args, ServiceRole.TextEncoder, platform => platform.AddTextEncoder());
