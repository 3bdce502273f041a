using Brownian.Diffusion.Faults;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Gateway.Requests;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>What a gateway does with a request until it is a plan, with the tiny models in its catalogue.</summary>
internal sealed class RequestResolution
{
    /// <summary>The store's time.</summary>
    public static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private const int LatentChannels = 4, InpaintChannels = 9, PixelsOfLatent = 8, Width = 32;

    private readonly Dictionary<string, ModelCard> _cards = new(StringComparer.Ordinal);
    private readonly byte[] _image = File.ReadAllBytes(Repository.Combine("tests", "Golden.Tests", "Data", "images", "scene-64x64.png"));
    private readonly byte[] _mask = File.ReadAllBytes(Repository.Combine("tests", "Golden.Tests", "Data", "images", "mask-64x64.png"));

    public RequestResolution()
    {
        foreach (string folder in Directory.GetDirectories(SeedFiles.Models).Order(StringComparer.Ordinal))
        {
            ModelFolder model = ModelFolder.Open(folder);
            ModelFacts facts = ModelFamilies.Read(model);
            // Facts that workers read from the graphs.
            _cards[model.Name] = ModelFamilies.CardOf(model, facts with
            {
                Channels = facts.Channels ?? LatentChannels,
                InputChannels = facts.InputChannels ?? (model.Name == "tiny-inpaint" ? InpaintChannels : facts.Channels ?? LatentChannels),
                Scale = facts.Scale ?? PixelsOfLatent,
                LatentMultiple = facts.LatentMultiple ?? 1,
                EmbeddingWidth = facts.EmbeddingWidth ?? Width,
                ControlLayers = facts.ControlLayers ?? [Width],
            });
        }
    }

    /// <summary>Resolves a submission, makes its plan and writes and reads it as a store does.</summary>
    /// <exception cref="FieldFaultException">The request is refused.</exception>
    public void Run(SubmittedRequest submitted, List<FieldFault> faults)
    {
        GenerationRequest request = RequestReader.Read(submitted.Request);
        // Files are in memory, so the task is complete.
        RequestImages images = RequestImages.ReadAsync(request, FindAsync, faults).GetAwaiter().GetResult();
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        ModelCard[] models =
        [
            .. (request.ModelNames.Count > 0 ? request.ModelNames : ["tiny-sd15"]).Select(
                name => _cards.TryGetValue(name ?? "", out ModelCard? card) ? card : throw new FieldFaultException("model", name, "a model")),
        ];
        ResolvedRequest resolved = ModelFamilies.Resolve(request, images, models);
        Plan plan = ModelFamilies.Plan(resolved, models);
        var definition = new JobDefinition { Id = "job", Created = Now, Plan = plan, Work = StageWork.Of(plan), Labels = submitted.Labels };
        definition = JobJson.Read<JobDefinition>(JobJson.Write(definition));
        JobMessages.ToMessage(new StoredJob(definition, JobRules.Submit(Now), 1));
        foreach (ulong seed in FamilyRules.SeedsOf(request).Take(2))
        {
            Infotext.Write(resolved, seed);
        }
    }

    private Task<(string Id, ReadOnlyMemory<byte> File)> FindAsync(string named) => Task.FromResult<(string, ReadOnlyMemory<byte>)>(named switch
    {
        "image" => ("image", _image),
        "mask" => ("mask", _mask),
        _ when DataUrl.TryRead(named, out byte[] bytes) => ("own", bytes),
        _ => throw new InvalidDataException("is neither an upload's id nor a data URL"),
    });
}
