using System.Text.Json.Nodes;
using Brownian.Hosting;
using Google.Rpc;

namespace Brownian.Gateway.A1111;

/// <summary>The form of errors of AUTOMATIC1111's API (<c>modules/api/api.py</c>): <c>{"error", "detail", "body", "errors"}</c>.</summary>
internal sealed class A1111Errors : IErrorForm
{
    /// <summary>The names at this door of the fields of a request.</summary>
    private static readonly Dictionary<string, string> Names = new(StringComparer.Ordinal)
    {
        ["count"] = "batch_size",
        ["guidance_scale"] = "cfg_scale",
        ["scheduler"] = "sampler_name",
        ["seeds"] = "seed",
        ["init_image"] = "init_images",
        ["strength"] = "denoising_strength",
        ["padding_mask_crop"] = "inpaint_full_res_padding",
        ["image_guidance_scale"] = "image_cfg_scale",
        ["model"] = "override_settings.sd_model_checkpoint",
    };

    /// <inheritdoc/>
    public Task WriteAsync(HttpContext context, int httpStatus, Google.Rpc.Status status)
    {
        if (httpStatus == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"brownian\"";
        }
        BadRequest? faults = status.GetDetail<BadRequest>();
        return faults is { FieldViolations.Count: > 0 }
            ? WriteAsync(context, StatusCodes.Status422UnprocessableEntity, string.Join(
                "; ", faults.FieldViolations.Select(fault => $"{Names.GetValueOrDefault(fault.Field, fault.Field)}: {fault.Description}")))
            : WriteAsync(context, httpStatus, status.Message);
    }

    /// <summary>Responds with an error.</summary>
    public static Task WriteAsync(HttpContext context, int httpStatus, string detail)
    {
        context.Response.StatusCode = httpStatus;
        context.Response.ContentType = "application/json";
        var error = new JsonObject { ["error"] = "HTTPException", ["detail"] = detail, ["body"] = "", ["errors"] = detail };
        return context.Response.WriteAsync(error.ToJsonString(), context.RequestAborted);
    }
}
