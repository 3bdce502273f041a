using System.Text;
using Brownian.Cli;
using Brownian.Formats.Images;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Imaging;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>The command line: arguments, request files, and images whose settings it shows. Every failure is one line and not an unexpected
/// one.</summary>
internal sealed class CommandLineTarget : FuzzTarget
{
    private const string Arguments = "arguments", Request = "request", Info = "info";

    private readonly TemporaryFolder _folder = new();
    private readonly string _model = Path.Combine(SeedFiles.Models, "absent");

    public override int CasesPerSecond => 400;

    public override IReadOnlyList<string> Tokens =>
    [
        .. RequestSchema.Request.All.Select(known => "\n--" + known.Name.Replace('_', '-') + "\n"), "\n--steps\n", "\n--scheduler-option\na=1",
        "\n--size\n64x64", "\n--seed\n-1", "\n--\n",
        "\n--lora\na:1", "\n@file\n", "\n-o\na.png", "\n--request\n", "64×64", "=", "[a:b:1]",
    ];

    public override IEnumerable<FuzzInput> Seeds() =>
    [
        .. SeedFiles.Texts(
            Arguments, "a\n--steps\n4\n--size\n64x64\n--seed\n7",
                "a\n--scheduler\neuler\n--scheduler-option\nuse_karras_sigmas=true\n--guidance-scale\n2.5",
            "a\n--lora\nx:0.5\n--label\na=b\n--negative-prompt\nb", "--init-image\na.png\na\n--strength\n0.5"),
        .. SeedFiles.Texts(Request, RequestSeeds.Json.Take(RequestSeeds.Own)),
        new FuzzInput(Info,
            ImageWriter.Encode(
                new PixelImage(2, 2, new byte[12]), new OutputSettings(), "a\nSteps: 1, Sampler: Euler, Seed: 2, Version: Brownian 0.3.0")),
    ];

    public override FuzzFormat FormatOf(string kind) => kind == Request ? FuzzFormat.Json : FuzzFormat.Bytes;

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes) => kind == Info ? PngChunks.Repair(bytes) : bytes;

    public override void Run(FuzzInput input)
    {
        string file = _folder.Combine("input");
        File.WriteAllBytes(file, input.Bytes);
        string[] arguments = input.Kind switch
        {
            // No argument of a program contains zeros.
            Arguments => ["generate", "--model", _model,
                .. Encoding.UTF8.GetString(input.Bytes).Replace("\0", "", StringComparison.Ordinal).Split('\n')],
            Request => ["generate", "--model", _model, "--request", file],
            _ => ["info", file],
        };
        if (arguments.Any(argument => argument.StartsWith("--server", StringComparison.Ordinal) || argument.StartsWith("--request",
            StringComparison.Ordinal))
            && input.Kind == Arguments)
        {
            return;
        }
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using var captured = new StringWriter(CultureInfo.InvariantCulture);
        try
        {
            Console.SetOut(captured);
            Console.SetError(captured);
            CommandLineProgram.RunAsync(arguments).GetAwaiter().GetResult();
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
        string text = captured.ToString();
        if (text.Contains("unexpected failure", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(text);
        }
    }

    public override bool IsDocumented(Exception exception) => false;

    public override void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }
}
