using System.Runtime.InteropServices;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Inference.Tests.Sessions;

/// <summary>The memory that disposed graphs leave in the C library.</summary>
public sealed class AllocatorTests
{
    /// <summary>
    /// The bit in glibc's word before an allocation that marks it as mapped separately: it returns to the system when it is freed.
    /// </summary>
    private const long IsMapped = 2;

    [Fact]
    public void Memory_of_weights_returns_to_the_system_also_after_larger_ones_were_freed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out _), "the allocator is glibc's");
        OnnxGraph.Load(GoldenData.Model("tiny-sd15").Require("unet").File, new SessionSettings(Threads: 1)).Dispose();
        // This makes glibc keep smaller allocations by default.
        Marshal.FreeHGlobal(Marshal.AllocHGlobal(24 << 20));

        nint weight = Marshal.AllocHGlobal(8 << 20);
        long word = Marshal.ReadInt64(weight, -sizeof(long));
        Marshal.FreeHGlobal(weight);

        Assert.Equal(IsMapped, word & IsMapped);
    }
}
