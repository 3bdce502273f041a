using Brownian.Denoiser;
using Brownian.Platform.Hosting;

return await PlatformHost.RunAsync(args, ServiceRole.Denoiser, platform => platform.AddDenoiser());
