using Brownian.Denoiser;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.TextEncoder;
using Brownian.VaeDecoder;

// One role of a cluster, or all in one process, which is killed at the fault point that BROWNIAN_FAULT names.
return await (args[0] switch
{
    "gateway" => PlatformHost.RunAsync(args[1..], ServiceRole.Gateway, platform => platform.AddGateway()),
    "text-encoder" => PlatformHost.RunAsync(args[1..], ServiceRole.TextEncoder, platform => platform.AddTextEncoder()),
    "denoiser" => PlatformHost.RunAsync(args[1..], ServiceRole.Denoiser, platform => platform.AddDenoiser()),
    "vae-decoder" => PlatformHost.RunAsync(args[1..], ServiceRole.VaeDecoder, platform => platform.AddVaeDecoder()),
    _ => PlatformHost.RunAsync(args[1..], ServiceRole.Gateway, platform => platform.AddGateway().AddTextEncoder().AddDenoiser().AddVaeDecoder()),
});
