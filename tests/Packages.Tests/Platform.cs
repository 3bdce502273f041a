namespace Brownian.Packages.Tests;

/// <summary>The files of a platform that programs of .NET run with.</summary>
/// <param name="Start">The first bytes of its programs and libraries.</param>
/// <param name="Program">The program.</param>
/// <param name="Natives">The native libraries that Brownian brings.</param>
/// <param name="Runtime">The libraries of .NET, which an archive brings too.</param>
internal sealed record Platform(byte[] Start, string Program, string[] Natives, string[] Runtime)
{
    private static readonly Platform Linux = new(
        [0x7f, (byte)'E', (byte)'L', (byte)'F'],
        "brownian",
        ["libonnxruntime.so", "libSkiaSharp.so", "libe_sqlite3.so"],
        ["libcoreclr.so", "libhostfxr.so", "System.Private.CoreLib.dll", "Microsoft.AspNetCore.dll"]);

    private static readonly Platform Windows = new(
        [(byte)'M', (byte)'Z'],
        "brownian.exe",
        ["onnxruntime.dll", "libSkiaSharp.dll", "e_sqlite3.dll"],
        ["coreclr.dll", "hostfxr.dll", "System.Private.CoreLib.dll", "Microsoft.AspNetCore.dll"]);

    /// <summary>A library of SkiaSharp is a universal one, for two processors.</summary>
    private static readonly Platform MacOS = new(
        [0xcf, 0xfa, 0xed, 0xfe],
        "brownian",
        ["libonnxruntime.dylib", "libSkiaSharp.dylib", "libe_sqlite3.dylib"],
        ["libcoreclr.dylib", "libhostfxr.dylib", "System.Private.CoreLib.dll", "Microsoft.AspNetCore.dll"]);

    private static readonly string[] Shipped =
    [
        "models/emoji/brownian.json", "models/emoji/NOTICE", "models/emoji/unet/model.onnx", "models/emoji/tokenizer/vocab.json",
        "models/emoji/text_encoder/model.onnx", "models/emoji/vae_decoder/model.onnx", "models/emoji/vae_encoder/model.onnx", "presets/draft.json",
    ];

    /// <summary>The platform of a runtime identifier, such as <c>linux-x64</c>.</summary>
    public static Platform Of(string runtime) => runtime[..runtime.IndexOf('-', StringComparison.Ordinal)] switch
    {
        "linux" => Linux,
        "win" => Windows,
        _ => MacOS,
    };

    /// <summary>Fails unless the files are those of a program that can run on the platform, and nothing that only builds need.</summary>
    /// <param name="files">Each file's path below the program's folder, and its bytes.</param>
    /// <param name="runtime">Whether .NET itself must be among them.</param>
    public void AssertComplete(IReadOnlyDictionary<string, byte[]> files, bool runtime)
    {
        string[] missing =
        [
            .. Shipped.Concat(Natives).Append(Program).Concat(runtime ? Runtime : [])
                .Where(file => files.GetValueOrDefault(file) is not { Length: > 0 }),
        ];
        Assert.Equal([], missing);
        string[] ofNet = [.. Runtime.Where(files.ContainsKey)];
        Assert.Equal(runtime ? Runtime : [], ofNet);
        // A universal library of macOS begins with cafebabe and names its processors.
        Assert.All(
            Natives.Append(Program),
            file => Assert.True(
                files[file].AsSpan().StartsWith(Start) || (this == MacOS && files[file].AsSpan().StartsWith<byte>([0xca, 0xfe, 0xba, 0xbe])),
                $"{file} begins with {Convert.ToHexString(files[file].AsSpan(0, 4))}"));
        Assert.DoesNotContain(files.Keys, file => Path.GetExtension(file) is ".xml" or ".lib" && file != "DotnetToolSettings.xml");
        Assert.Equal(
            [Program], files.Keys.Where(file => file.StartsWith("brownian", StringComparison.OrdinalIgnoreCase) && IsProgram(file)));
    }

    private bool IsProgram(string file) => this == Windows ? file.EndsWith(".exe", StringComparison.Ordinal) : !EndsAsALibrary(file);

    private static bool EndsAsALibrary(string file) => Path.GetExtension(file) is ".dll" or ".pdb" or ".json" or ".service";
}
