using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Models.Families;

namespace Brownian.Models.Metadata;

/// <summary>Maps other programs' names of schedulers: a sampler, and a schedule of noise levels.</summary>
internal static class SamplerNames
{
    /// <summary>ComfyUI's samplers whose names have another meaning here; the scheduler catalog finds the others.</summary>
    private static readonly Dictionary<string, JsonObject> Comfy = new(StringComparer.OrdinalIgnoreCase)
    {
        ["uni_pc"] = new JsonObject { ["_class_name"] = "unipc", ["solver_type"] = "bh1" },
        ["uni_pc_bh2"] = Named("unipc"),
    };

    /// <summary>
    /// The schedules of noise levels by the names of both programs, as an option of the scheduler; null for the model's own schedule.
    /// </summary>
    private static readonly Dictionary<string, (string Option, JsonNode Value)?> Layouts = new(StringComparer.OrdinalIgnoreCase)
    {
        ["normal"] = null,
        ["automatic"] = null,
        ["uniform"] = null,
        ["karras"] = ("use_karras_sigmas", true),
        ["exponential"] = ("use_exponential_sigmas", true),
        ["beta"] = ("use_beta_sigmas", true),
        ["sgm_uniform"] = ("timestep_spacing", "trailing"),
        ["simple"] = ("timestep_spacing", "trailing"),
        ["ddim_uniform"] = ("timestep_spacing", "leading"),
        ["ddim"] = ("timestep_spacing", "leading"),
    };

    /// <summary>Sets the scheduler for AUTOMATIC1111's names.</summary>
    /// <param name="draft">The draft whose scheduler is set.</param>
    /// <param name="sampler">The sampler's name. In older versions it includes the schedule's name.</param>
    /// <param name="layout">The schedule's name; null in older versions.</param>
    public static void SetA1111(SettingsDraft draft, string? sampler, string? layout)
    {
        if (sampler is null)
        {
            Set(draft, null, layout, "Schedule type");
            return;
        }
        if (layout is not null && layout.Equals("Automatic", StringComparison.OrdinalIgnoreCase))
        {
            layout = SamplerLabel.Automatic.GetValueOrDefault(sampler);
        }
        string whole = $"{sampler} {layout}";
        if (layout is not null && Find(whole) is not null)
        {
            draft.Request["scheduler"] = Named(whole);
            return;
        }
        Set(draft, Named(sampler), layout, "Schedule type");
    }

    /// <summary>Sets the scheduler for ComfyUI's names.</summary>
    public static void SetComfy(SettingsDraft draft, string? sampler, string? layout)
    {
        JsonObject? scheduler = sampler is null ? null
            : Comfy.TryGetValue(sampler, out JsonObject? known) ? (JsonObject)known.DeepClone()
            : Named(SchedulerCatalog.FindName(sampler)?.Name ?? sampler);
        Set(draft, scheduler, layout, "scheduler");
    }

    private static void Set(SettingsDraft draft, JsonObject? scheduler, string? layout, string name)
    {
        if (layout is not null)
        {
            string key = layout.Trim().Replace(' ', '_');
            SchedulerDescriptor? known = (string?)scheduler?["_class_name"] is { } sampler ? Find(sampler) : null;
            if (!Layouts.TryGetValue(key, out (string Option, JsonNode Value)? option))
            {
                draft.Ignore(name, layout, "scheduler");
            }
            else if (option is var (field, value))
            {
                // An unknown scheduler is reported by the reader of the request.
                if (scheduler is null || known?.Find(field) is not null)
                {
                    scheduler ??= [];
                    scheduler[field] = value.DeepClone();
                }
                else if (known is not null)
                {
                    draft.Ignore(name, layout, "scheduler");
                }
            }
        }
        if (scheduler is not null)
        {
            draft.Request["scheduler"] = scheduler;
        }
    }

    private static SchedulerDescriptor? Find(string name)
    {
        try
        {
            return SchedulerCatalog.Find(name).Descriptor;
        }
        catch (FieldFaultException)
        {
            return null;
        }
    }

    private static JsonObject Named(string name) => new() { ["_class_name"] = name };
}
