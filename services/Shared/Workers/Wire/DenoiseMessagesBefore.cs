using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Jobs.Wire;
using Brownian.Models.Plans;
using Brownian.V1;

namespace Brownian.Workers.Wire;

/// <summary>
/// Reads the settings of a run as gateways of version 0.1 send them: in fields of the message instead of <c>settings_json</c>. Can be removed when
/// upgrades from 0.1 are no longer supported.
/// </summary>
internal static class DenoiseMessagesBefore
{
    /// <summary>Converts a message without <c>settings_json</c> to settings.</summary>
    /// <exception cref="FieldFaultException">The message is invalid; contains every fault.</exception>
    public static DenoiseRunSettings ToSettings(DenoiseRequest request)
    {
        var faults = new List<FieldFault>();
        GuidanceMethod method = Choice("guidance_method", request.GuidanceMethod, "cfg", DenoiseWireNames.Methods);
        NoiseKind noise = Choice("noise", request.Noise, "torch-cpu", NoiseNames.Kinds);
        Diffusion.Noise.NoiseDtype dtype = Choice("noise_dtype", request.NoiseDtype, "float32", NoiseNames.Dtypes);
        JsonObject? scheduler = Json<JsonObject>(request.SchedulerJson, "scheduler_json");
        SamplingOptions? sampling = Json<SamplingOptions>(request.SamplingJson, "sampling_json");
        return faults.Count > 0 ? throw new FieldFaultException(faults) : new DenoiseRunSettings
        {
            LatentShape = [.. request.LatentShape],
            GuidanceScale = request.GuidanceScale,
            GuidanceRescale = request.GuidanceRescale,
            Guidance = new GuidanceOptions
            {
                Method = method,
                Start = request.HasGuidanceStart ? request.GuidanceStart : 0,
                End = request.HasGuidanceEnd ? request.GuidanceEnd : 1,
                PerturbedScale = request.PagScale,
            },
            Scheduler = scheduler!,
            Sampling = sampling!,
            First = request.First,
            End = request.HasEnd ? request.End : null,
            GuidanceEmbedding = request.HasGuidanceEmbedding ? request.GuidanceEmbedding : null,
            Tiling = request.TileSide == 0 ? null : new DenoiseTiling(request.TileSide, request.TileOverlap),
            SubseedStrength = request.SubseedStrength,
            Noise = noise,
            NoiseDtype = dtype,
        };

        T Choice<T>(string field, string given, string fallback, IReadOnlyDictionary<string, T> words)
        {
            string word = given.Length == 0 ? fallback : given;
            if (words.TryGetValue(word, out T? value))
            {
                return value;
            }
            faults.Add(FieldFault.Of(field, word, string.Join(", ", words.Keys)));
            return default!;
        }

        T? Json<T>(string text, string field)
            where T : class
        {
            try
            {
                return WireJson.Read<T>(text, field);
            }
            catch (FieldFaultException exception)
            {
                faults.AddRange(exception.Faults);
                return null;
            }
        }
    }
}
