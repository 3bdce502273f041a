namespace Brownian.Inference.Sessions;

/// <summary>What runs the graphs.</summary>
public enum Device
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>The first NVIDIA GPU; needs a build with <c>-p:Accelerator=cuda</c>.</summary>
    Cuda,
}
