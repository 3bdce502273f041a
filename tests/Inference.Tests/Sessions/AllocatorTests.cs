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

        // Some are cut from what other tests have freed on the heaps. More than that is mapped, or, with glibc's own threshold, enlarges a heap.
        nint[] weights = [.. Enumerable.Range(0, 200).Select(_ => Marshal.AllocHGlobal(16 << 20))];
        long[] words = [.. weights.Select(weight => Marshal.ReadInt64(weight, -sizeof(long)))];
        Array.ForEach(weights, Marshal.FreeHGlobal);

        Assert.Contains(words, word => (word & IsMapped) != 0);
    }
}
