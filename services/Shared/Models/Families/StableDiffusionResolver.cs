using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Facts;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// Resolves a request for a Stable Diffusion model: the checks and defaults that all variants share, in the order in which faults are reported.
/// </summary>
internal sealed class StableDiffusionResolver
{
    private readonly GenerationRequest _request;
    private readonly RequestImages _images;
    private readonly ModelCard _model;
    private readonly List<FieldFault> _faults;
    private readonly StableDiffusionPipeline _pipeline;

    private StableDiffusionResolver(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults)
    {
        (_request, _images, _model, _faults) = (request, images, model, faults);
        _pipeline = StableDiffusionPipeline.Of(model.Facts, request.Task);
    }

    /// <inheritdoc cref="ModelFamily.Resolve"/>
    public static ResolvedRequest? Resolve(GenerationRequest request, RequestImages images, ModelCard model, List<FieldFault> faults) =>
        request.Task == RequestTask.Preview
            ? StableDiffusionPreview.Resolve(request, images, model, faults)
            : new StableDiffusionResolver(request, images, model, faults).Resolve();

    private ResolvedRequest? Resolve()
    {
        IReadOnlyList<string> known = FamilyRules.CheckFields(_request, _pipeline.Name, _pipeline.Tasks, _pipeline.Fields, _faults);
        CheckTask();
        StableDiffusionControls.Check(_request, _images, _model, _pipeline.Name, _faults);
        if (_model.Facts.IsDecoderOnly)
        {
            // A decoder alone supports no other task.
            return null;
        }
        StableDiffusionPrompts.Check(_request, _model.Facts, _pipeline.Name, _faults);
        (int width, int height) = StableDiffusionImages.SizeOf(_request, _images, _model, _faults);
        FamilyRules.CheckSize(width, height, _model.Facts, _faults);
        return ResolveRun(known, width, height) is { } resolved ? _pipeline.Complete(resolved, _model.Facts) : null;
    }

    /// <summary>Rejects fields that the task does not use, and missing images.</summary>
    private void CheckTask()
    {
        if (!_pipeline.Tasks.Contains(_request.Task))
        {
            return;
        }
        StableDiffusionHiresPass.Check(_request, _pipeline.Name, _faults);
        _pipeline.CheckTask(_request, _faults);
        if (_request.Task != RequestTask.TextToImage)
        {
            StableDiffusionImages.Check(_request, _images, _model.Facts, _faults);
        }
    }

    private ResolvedRequest? ResolveRun(IReadOnlyList<string> known, int width, int height)
    {
        double guidance = FamilyRules.ScaleOf(_request, _model, _pipeline.GuidanceScale);
        double rescale = RescaleOf();
        double? strength = _pipeline.Strength is { } usual && _request.DenoisingStart is null ? _request.Strength ?? usual : null;
        SamplingOptions whole = FamilyRules.SamplingOf(_request, _model, _pipeline.Steps) with
        {
            OriginalInferenceSteps = _request.OriginalInferenceSteps,
        };
        (SamplingOptions sampling, double? share) = _pipeline.RunOf(whole, strength);
        JsonObject? overrides = _request.Scheduler ?? _model.Defaults.Scheduler;
        Scheduler? scheduler = FamilyRules.CreateScheduler(_model.Scheduler, overrides, sampling, _faults);
        (bool isActive, GuidanceOptions options) = FamilyRules.GuidanceOf(_request, guidance, scheduler, _model, _faults);
        bool isGuided = isActive && !_pipeline.EmbedsGuidance;
        FamilyRules.CheckEta(_request, scheduler, _faults);
        (int first, int? end) = scheduler is null ? (0, null) : StableDiffusionTimesteps.Of(_request, scheduler, sampling, share, _faults);
        FamilyRules.CheckPreviews(_request, (scheduler?.Timesteps.Length ?? 0) - first, _faults);
        ResolvedHires? hires = scheduler is null
            ? null
            : StableDiffusionHiresPass.Resolve(_request, _pipeline, _model, (width, height), sampling, _faults);
        StableDiffusionPrompts.CheckComposition(_request, isGuided && _pipeline.ComposesPrompts, rescale, _faults);
        if (_faults.Count > 0)
        {
            return null;
        }
        string? negative = isGuided ? _request.NegativePrompt ?? "" : null;
        return new ResolvedRequest
        {
            Request = _request,
            KnownFields = known,
            HasInfotextFields = true,
            Model = _model.Name,
            Prompt = _request.Interpolate?.Prompts?[0] ?? _request.Prompt!,
            NegativePrompt = negative,
            IsGuided = isGuided,
            Prompt2 = _request.Prompt2,
            NegativePrompt2 = negative is null ? null : _request.NegativePrompt2,
            Images = _images,
            Width = width,
            Height = height,
            Seeds = FamilyRules.FrameSeedsOf(_request),
            GuidanceScale = guidance,
            GuidanceRescale = rescale,
            Guidance = options,
            Scheduler = scheduler!.Config.ToJson(),
            SchedulerOverrides = overrides,
            Sampling = sampling,
            Strength = strength,
            First = first,
            Adapters = _request.Adapters,
            End = end,
            Controls = StableDiffusionControls.Of(_request, _images, _model.Facts, width, height),
            Subseeds = SubseedsOf(),
            Hires = hires,
            IsTiled = StableDiffusionImages.IsTiled(_request, hires?.Width ?? width, hires?.Height ?? height),
        };
    }

    private double RescaleOf()
    {
        double rescale = _request.GuidanceRescale ?? (_pipeline.RescalesGuidance ? _model.Defaults.GuidanceRescale ?? 0 : 0);
        if (rescale > 0 && !_pipeline.RescalesGuidance)
        {
            _faults.Add(FieldFault.Of("guidance_rescale", rescale, $"0 for {_request.Task} with the family {_pipeline.Name}"));
        }
        return rescale;
    }

    private ulong[] SubseedsOf() =>
        _request.SubseedStrength > 0
            ?
            [
                .. Enumerable.Repeat(
                    _request.Subseed ?? FamilyRules.RandomSeeds(1)[0], _request.Interpolate?.Frames ?? _request.Seeds?.Count ?? _request.Count)
            ]
            : [];
}
