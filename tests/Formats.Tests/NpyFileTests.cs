using System.Text;
using Brownian.Formats.Tensors;

namespace Brownian.Formats.Tests;

public sealed class NpyFileTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_length_of_the_header_is_read_in_the_format_of_the_version(byte version) =>
        Assert.Equal([1, 2, 3], NpyFile.Read(File(version, 1, 2, 3)).Values);

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(9)]
    public void An_unknown_npy_version_is_refused(byte version)
    {
        InvalidDataException refused = Assert.Throws<InvalidDataException>(() => NpyFile.Read(File(version, 1, 2, 3)));
        Assert.Equal($"is a .npy file of version {version}.0; allowed: 1.0, 2.0, 3.0", refused.Message);
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(float.MaxValue, true)]
    [InlineData(float.NaN, false)]
    [InlineData(float.NegativeInfinity, false)]
    public void Numbers_that_are_not_finite_are_reported(float number, bool isFinite)
    {
        Assert.Equal([3], NpyFile.ReadShape(File(1, 1, number, 3), out bool seen));
        Assert.Equal(isFinite, seen);
    }

    private static byte[] File(byte version, params float[] numbers)
    {
        byte[] header = Encoding.ASCII.GetBytes($"{{'descr': '<f4', 'fortran_order': False, 'shape': ({numbers.Length},), }}\n");
        byte[] length = BitConverter.GetBytes(header.Length)[..(version == 1 ? 2 : 4)];
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. header, .. numbers.SelectMany(BitConverter.GetBytes)];
    }
}
