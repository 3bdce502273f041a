using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.Tests;

namespace Brownian.Golden.Tests;

/// <summary>Every case of a model that has a checkpoint, on the model folder that is imported from it.</summary>
public sealed class ImportedTests(ImportedModels imported, LoadedModels models) : IClassFixture<ImportedModels>, IClassFixture<LoadedModels>
{
    /// <summary>The cases of models of which there are checkpoints.</summary>
    public static TheoryData<string> Cases =>
        [.. GoldenCase.Names.Where(name => GoldenCase.Read(name).ModelNames.All(ImportedModels.HasCheckpoint))];

    /// <summary>The cases of models of which there are only checkpoints.</summary>
    public static TheoryData<string> OtherCases =>
    [
        .. Directory.GetDirectories(Path.Combine(GoldenCase.Data, "imported-cases")).Select(folder => Path.GetFileName(folder))
            .Order(StringComparer.Ordinal)
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public Task A_request_gives_the_references_values_and_images(string name) => AssertAsync("cases", name);

    [Theory]
    [MemberData(nameof(OtherCases))]
    public Task A_request_to_a_model_that_was_never_exported_gives_the_references_values_and_images(string name) =>
        AssertAsync("imported-cases", name);

    /// <summary>The file has the names of the model's authors.</summary>
    [Theory]
    [InlineData("sd3-default")]
    [InlineData("flux-dev-default")]
    public Task A_request_to_a_model_from_one_file_gives_the_references_values_and_images(string name) => AssertAsync("cases", name, fromFile: true);

    private async Task AssertAsync(string folder, string name, bool fromFile = false)
    {
        var golden = GoldenCase.Read(Path.Combine(GoldenCase.Data, folder, name), fromFile ? imported.FolderFromFile : imported.Folder);
        await GoldenRun.AssertAsync(golden, await models.GetAsync(golden.ModelFolders));
    }
}

/// <summary>Model folders that are imported when they are used first.</summary>
public sealed class ImportedModels : IDisposable
{
    private readonly Checkpoints _checkpoints = new();
    private readonly TemporaryFolder _folder = new();
    private readonly Lock _lock = new();

    /// <summary>Returns whether there is a checkpoint of a model.</summary>
    public static bool HasCheckpoint(string model) =>
        File.Exists(Repository.Combine("tests", "Import.Tests", "Data", model + ".pack"));

    /// <summary>Returns a model's folder.</summary>
    public string Folder(string model)
    {
        lock (_lock)
        {
            string folder = _folder.Combine(model);
            if (!Directory.Exists(folder))
            {
                using var source = CheckpointSource.Open(_checkpoints.Folder(model), new ImportSettings(null, new GraphOptions()));
                ImportWriter.Write(source, folder, null, CancellationToken.None);
            }
            return folder;
        }
    }

    /// <summary>Returns the folder of a model of Stable Diffusion 3 or Flux that is imported from one file with text encoders beside it.</summary>
    public string FolderFromFile(string model)
    {
        lock (_lock)
        {
            string folder = _folder.Combine(model + "-file"), checkpoint = _checkpoints.Folder(model);
            if (!Directory.Exists(folder))
            {
                string file = AuthorsFile.Transformer(checkpoint, AuthorsFile.Prefix)
                    .AddAutoencoder(Path.Combine(checkpoint, "vae"), "first_stage_model.").Write(folder + ".safetensors");
                var settings = new ImportSettings(null, new GraphOptions())
                {
                    ConfigFolder = checkpoint,
                    TextEncoders = Directory.GetDirectories(checkpoint, "text_encoder*"),
                };
                using var source = CheckpointSource.Open(file, settings);
                ImportWriter.Write(source, folder, null, CancellationToken.None);
            }
            return folder;
        }
    }

    public void Dispose()
    {
        _checkpoints.Dispose();
        _folder.Dispose();
    }
}
