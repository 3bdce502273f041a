using Brownian.Denoiser;
using Brownian.Hosting;

return await PlatformHost.RunAsync(args, ServiceRole.Denoiser, platform => platform.AddDenoiser());
