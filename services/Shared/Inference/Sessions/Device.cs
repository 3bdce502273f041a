namespace Brownian.Inference.Sessions;

/// <summary>The device that runs the graphs.</summary>
public enum Device
{
    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>The first NVIDIA GPU; needs a build with <c>-p:Accelerator=cuda</c>.</summary>
    Cuda,
}
