using Brownian.Hosting;
using Brownian.VaeDecoder;

return await PlatformHost.RunAsync(args, ServiceRole.VaeDecoder, platform => platform.AddVaeDecoder());
