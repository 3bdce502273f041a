using Brownian.VaeDecoder;
using Brownian.Platform.Hosting;

return await PlatformHost.RunAsync(args, ServiceRole.VaeDecoder, platform => platform.AddVaeDecoder());
