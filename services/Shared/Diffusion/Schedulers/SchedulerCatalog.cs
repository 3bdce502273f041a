using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Every scheduler class, and the common short names.</summary>
public static class SchedulerCatalog
{
    /// <summary>Every class.</summary>
    public static IReadOnlyList<SchedulerDescriptor> Classes { get; } =
    [
        DdimScheduler.Descriptor,
        DdimInverseScheduler.Descriptor,
        DdimParallelScheduler.Descriptor,
        DdpmScheduler.Descriptor,
        DdpmParallelScheduler.Descriptor,
        PndmScheduler.Descriptor,
        IpndmScheduler.Descriptor,
        UnclipScheduler.Descriptor,
        LcmScheduler.Descriptor,
        TcdScheduler.Descriptor,
        CMStochasticIterativeScheduler.Descriptor,
        ScoreSdeVeScheduler.Descriptor,
        EulerAncestralDiscreteScheduler.Descriptor,
        HeunDiscreteScheduler.Descriptor,
        Kdpm2DiscreteScheduler.Descriptor,
        Kdpm2AncestralDiscreteScheduler.Descriptor,
        LmsDiscreteScheduler.Descriptor,
        DpmSolverSdeScheduler.Descriptor,
        FlowMatchEulerDiscreteScheduler.Descriptor,
        FlowMatchHeunDiscreteScheduler.Descriptor,
        FlowMapEulerDiscreteScheduler.Descriptor,
        EulerDiscreteScheduler.Descriptor,
        DpmSolverMultistepScheduler.Descriptor,
        DpmSolverMultistepInverseScheduler.Descriptor,
        DpmSolverSinglestepScheduler.Descriptor,
        DeisMultistepScheduler.Descriptor,
        UniPcMultistepScheduler.Descriptor,
        SaSolverScheduler.Descriptor,
        EdmEulerScheduler.Descriptor,
        EdmDpmSolverMultistepScheduler.Descriptor,
    ];

    /// <summary>Every short name.</summary>
    public static IReadOnlyList<SchedulerName> Names { get; } =
    [
        new("euler_a", "EulerAncestralDiscreteScheduler"),
        new("euler_exponential", "EulerDiscreteScheduler", ("use_exponential_sigmas", true)),
        new("euler_beta", "EulerDiscreteScheduler", ("use_beta_sigmas", true)),
        new("heun", "HeunDiscreteScheduler"),
        new("heun_karras", "HeunDiscreteScheduler", ("use_karras_sigmas", true)),
        new("dpm2", "KDPM2DiscreteScheduler"),
        new("dpm2_karras", "KDPM2DiscreteScheduler", ("use_karras_sigmas", true)),
        new("dpm2_a", "KDPM2AncestralDiscreteScheduler"),
        new("dpm2_a_karras", "KDPM2AncestralDiscreteScheduler", ("use_karras_sigmas", true)),
        new("lms", "LMSDiscreteScheduler"),
        new("lms_karras", "LMSDiscreteScheduler", ("use_karras_sigmas", true)),
        new("dpm++_sde", "DPMSolverSDEScheduler"),
        new("dpm++_sde_karras", "DPMSolverSDEScheduler", ("use_karras_sigmas", true)),
        new("ddpm", "DDPMScheduler"),
        new("ddim_inverse", "DDIMInverseScheduler"),
        new("pndm", "PNDMScheduler"),
        new("plms", "PNDMScheduler", ("skip_prk_steps", true)),
        new("ipndm", "IPNDMScheduler"),
        new("lcm", "LCMScheduler"),
        new("tcd", "TCDScheduler"),
        new("cm", "CMStochasticIterativeScheduler"),
        new("unclip", "UnCLIPScheduler"),
        new("sde_ve", "ScoreSdeVeScheduler"),
        new("flow_euler", "FlowMatchEulerDiscreteScheduler"),
        new("flow_heun", "FlowMatchHeunDiscreteScheduler"),
        new("flow_map_euler", "FlowMapEulerDiscreteScheduler"),
        new("ddim", "DDIMScheduler"),
        new("euler", "EulerDiscreteScheduler"),
        new("euler_karras", "EulerDiscreteScheduler", ("use_karras_sigmas", true)),
        new("dpm++_2m", "DPMSolverMultistepScheduler", ("algorithm_type", "dpmsolver++"), ("solver_order", 2)),
        new("dpm++_2m_karras", "DPMSolverMultistepScheduler", ("algorithm_type", "dpmsolver++"), ("solver_order", 2), ("use_karras_sigmas", true)),
        new("dpm++_2m_sde", "DPMSolverMultistepScheduler", ("algorithm_type", "sde-dpmsolver++"), ("solver_order", 2)),
        new(
            "dpm++_2m_sde_karras", "DPMSolverMultistepScheduler", ("algorithm_type", "sde-dpmsolver++"), ("solver_order", 2),
            ("use_karras_sigmas", true)),
        new("dpm++_3m", "DPMSolverMultistepScheduler", ("algorithm_type", "dpmsolver++"), ("solver_order", 3)),
        new("dpm++_2s", "DPMSolverSinglestepScheduler", ("algorithm_type", "dpmsolver++"), ("solver_order", 2)),
        new("dpm++_2s_karras", "DPMSolverSinglestepScheduler", ("algorithm_type", "dpmsolver++"), ("solver_order", 2), ("use_karras_sigmas", true)),
        new("unipc", "UniPCMultistepScheduler"),
        new("unipc_karras", "UniPCMultistepScheduler", ("use_karras_sigmas", true)),
        new("deis", "DEISMultistepScheduler"),
        new("sa_solver", "SASolverScheduler"),
        new("edm_euler", "EDMEulerScheduler"),
        new("edm_dpm++_2m", "EDMDPMSolverMultistepScheduler", ("algorithm_type", "dpmsolver++"), ("solver_order", 2)),
        new("dpm++_inverse", "DPMSolverMultistepInverseScheduler", ("algorithm_type", "dpmsolver++")),
    ];

    /// <summary>Returns the class for a name, and the options that the name sets.</summary>
    /// <param name="name">
    /// A short name, a class name, or the name of a sampler of AUTOMATIC1111, ComfyUI or InvokeAI; case, spaces, dashes and underscores are ignored.
    /// </param>
    /// <param name="field">The field's name in faults.</param>
    /// <exception cref="FieldFaultException">No such scheduler.</exception>
    public static (SchedulerDescriptor Descriptor, IReadOnlyDictionary<string, JsonNode?> Options) Find(string name, string field = "scheduler")
    {
        string key = Normalise(name);
        if (Classes.FirstOrDefault(descriptor => Normalise(descriptor.ClassName) == key) is { } byClass)
        {
            return (byClass, new Dictionary<string, JsonNode?>());
        }
        if (FindName(name) is { } byName)
        {
            SchedulerDescriptor descriptor = Classes.First(candidate => candidate.ClassName == byName.ClassName);
            return (
                descriptor, byName.Options.ToDictionary(option => option.Name, option => (JsonNode?)JsonSerializer.SerializeToNode(option.Value)));
        }
        string[] known = [.. Names.Select(shortName => shortName.Name)];
        string hint = Spelling.Hint(name, known);
        string allowed = hint.Length > 0 ? "a name or class of" : $"{string.Join(", ", known)}, or one of their classes, as in";
        throw new FieldFaultException(FieldFault.Of(field, name, $"{allowed} \"brownian schedulers list\"", hint));
    }

    /// <summary>Returns the short name for a short name or for a sampler of another program, as <see cref="Find"/> does; null for none.</summary>
    public static SchedulerName? FindName(string name)
    {
        string key = Normalise(name);
        return Named(key) ?? Named(Translate(key));

        static SchedulerName? Named(string key) => Names.FirstOrDefault(shortName => Normalise(shortName.Name) == key);
    }

    /// <summary>Creates a scheduler from the content of a <c>scheduler_config.json</c>.</summary>
    /// <param name="file">The content; its <c>_class_name</c> selects the class.</param>
    /// <param name="name">Another class or short name to use instead, or null.</param>
    /// <param name="overrides">Options that replace the file's.</param>
    /// <exception cref="FieldFaultException">Unknown class, unknown option or a value that is not allowed.</exception>
    public static Scheduler Create(JsonObject file, string? name = null, IReadOnlyDictionary<string, JsonNode?>? overrides = null)
    {
        const string FileField = "scheduler_config.json: _class_name";
        name ??= ClassName(overrides?.GetValueOrDefault("_class_name"), "scheduler._class_name");
        string className =
            name ?? ClassName(file["_class_name"], FileField) ?? throw new FieldFaultException(new FieldFault(FileField, "is missing"));
        (SchedulerDescriptor descriptor, IReadOnlyDictionary<string, JsonNode?> implied) = Find(className, name is null ? FileField : "scheduler");
        var merged = new Dictionary<string, JsonNode?>(implied);
        foreach ((string option, JsonNode? value) in overrides ?? new Dictionary<string, JsonNode?>())
        {
            merged[option] = value;
        }
        try
        {
            return descriptor.Create(SchedulerConfig.Resolve(descriptor, file, merged));
        }
        catch (FieldFaultException exception) when (name is not null)
        {
            // The caller chose the class, and never saw the model's file.
            throw new FieldFaultException([.. exception.Faults.Select(fault => Chosen(fault, descriptor.ClassName))]);
        }
    }

    /// <summary>Returns a fault of a model's file as one of the class that the caller chose; any other fault as it is.</summary>
    private static FieldFault Chosen(FieldFault fault, string className) =>
        fault.Field.StartsWith(SchedulerConfig.FilePrefix, StringComparison.Ordinal)
            ? new FieldFault(
                "scheduler", $"{className} does not fit the model, whose {fault.Field[SchedulerConfig.FilePrefix.Length..]} {fault.Message}")
            : fault;

    private static string? ClassName(JsonNode? node, string field) => node?.GetValueKind() switch
    {
        null => null,
        JsonValueKind.String => node.GetValue<string>(),
        _ => throw new FieldFaultException(field, node, "the name of a class"),
    };

    /// <summary>Returns the name that ComfyUI's or InvokeAI's name of a sampler has here: <c>dpmpp_2m_sde_gpu</c>, <c>euler_ancestral</c>.</summary>
    private static string Translate(string key)
    {
        const string Gpu = "gpu", Karras = "k";
        key = key.Replace("dpmpp", "dpm++", StringComparison.Ordinal).Replace("ancestral", "a", StringComparison.Ordinal)
            .Replace("kdpm2", "dpm2", StringComparison.Ordinal);
        key = key.EndsWith(Gpu, StringComparison.Ordinal) ? key[..^Gpu.Length] : key;
        return key.EndsWith(Karras, StringComparison.Ordinal) ? key + "arras" : key;
    }

    private static string Normalise(string name) =>
        new([.. name.Where(character => character is not (' ' or '-' or '_')).Select(char.ToLowerInvariant)]);
}
