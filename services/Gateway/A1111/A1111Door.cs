using System.Diagnostics;
using System.Text.Json.Nodes;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Uploads;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Models.Catalog;
using Grpc.Core;

namespace Brownian.Gateway.A1111;

/// <summary>The paths of AUTOMATIC1111's API: <c>/sdapi/v1</c>, and those of ControlNet and of the progress of a task beside it.</summary>
internal static class A1111Door
{
    private const string Base = "/sdapi/v1";

    /// <summary>The upscalers of latents that <c>hr_upscaler</c> takes.</summary>
    private static readonly string[] LatentModes = ["Latent", "Latent (nearest)", "Latent (bicubic)"];

    private static readonly A1111Errors Form = new();

    /// <summary>What a call answers with, from its body.</summary>
    private delegate Task<JsonNode?> Answer(JsonObject body, HttpContext context);

    /// <summary>Adds the endpoints.</summary>
    public static void Map(WebApplication app)
    {
        Post(app, Base + "/txt2img", Permission.Generate, static async (body, context) =>
            await Of<A1111Images>(context).GenerateAsync(body, isImage: false, context));
        Post(app, Base + "/img2img", Permission.Generate, static async (body, context) =>
            await Of<A1111Images>(context).GenerateAsync(body, isImage: true, context));
        Post(app, Base + "/extra-single-image", Permission.Generate, static async (body, context) =>
            await Of<A1111Extras>(context).OneAsync(body, context));
        Post(app, Base + "/extra-batch-images", Permission.Generate, static async (body, context) =>
            await Of<A1111Extras>(context).ManyAsync(body, context));
        Post(app, Base + "/png-info", Permission.Read, static (body, _) => Task.FromResult<JsonNode?>(A1111Extras.Info(body)));
        Post(app, Base + "/interrupt", Permission.Generate, static async (_, context) =>
        {
            await Of<A1111Images>(context).InterruptAsync(context.Request.Query["id_task"], context);
            return new JsonObject();
        });
        Post(app, Base + "/skip", Permission.Generate, static async (_, context) =>
        {
            await Of<A1111Images>(context).InterruptAsync(context.Request.Query["id_task"], context);
            return null;
        });
        Get(app, Base + "/progress", static async context =>
        {
            IQueryCollection query = context.Request.Query;
            bool skipsImage = query["skip_current_image"].ToString().Equals("true", StringComparison.OrdinalIgnoreCase);
            return await Of<A1111Images>(context).ProgressAsync(query["id_task"], !skipsImage, context);
        });
        Post(app, "/internal/progress", Permission.Read, static async (body, context) =>
            await Of<A1111Images>(context).TaskProgressAsync(body, context));
        MapLists(app);
        MapOptions(app);
        // Everything else under the base address has the other program's errors, too.
        app.Map(Base + "/{**path}", Unknown).Requires(Permission.None).WithMetadata(Form);
    }

    private static void MapLists(WebApplication app)
    {
        Get(app, Base + "/sd-models", static async context => await Of<A1111Catalog>(context).ModelsAsync(context.RequestAborted));
        Get(app, Base + "/samplers", static _ => Given(A1111Catalog.Samplers()));
        Get(app, Base + "/schedulers", static _ => Given(A1111Catalog.Schedules()));
        Get(app, Base + "/upscalers", static async context => await Of<A1111Catalog>(context).UpscalersAsync(context.RequestAborted));
        Get(app, Base + "/latent-upscale-modes", static _ => Given(new JsonArray(
            [.. LatentModes.Select(mode => (JsonNode)new JsonObject { ["name"] = mode })])));
        Get(app, Base + "/loras", static context => Given(Of<A1111Catalog>(context).Loras()));
        Get(app, Base + "/embeddings", static _ => Given(new JsonObject { ["loaded"] = new JsonObject(), ["skipped"] = new JsonObject() }));
        foreach (string nothing in (string[])["sd-vae", "prompt-styles", "face-restorers", "hypernetworks", "script-info"])
        {
            Get(app, $"{Base}/{nothing}", static _ => Given(new JsonArray()));
        }
        Get(app, Base + "/scripts", static _ => Given(
            new JsonObject { ["txt2img"] = new JsonArray("controlnet"), ["img2img"] = new JsonArray("controlnet") }));
        Get(app, Base + "/cmd-flags", static _ => Given(new JsonObject { ["api"] = true }));
        Get(app, Base + "/memory", static _ => Given(Memory()));
        Get(app, "/controlnet/model_list", static context => ControlNetsAsync(context));
        Get(app, "/controlnet/module_list", static _ => Given(new JsonObject
        {
            ["module_list"] = new JsonArray([.. A1111Request.ControlPreprocessNames.Select(name => (JsonNode)name)]),
        }));
        // Models are loaded and unloaded by the workers themselves.
        foreach (string nothing in (string[])["refresh-checkpoints", "refresh-loras", "refresh-vae", "reload-checkpoint", "unload-checkpoint"])
        {
            Post(app, $"{Base}/{nothing}", Permission.Read, static (_, _) => Given(null));
        }
    }

    private static void MapOptions(WebApplication app)
    {
        Get(app, Base + "/options", static async context =>
        {
            IReadOnlyList<string> models = await NamesAsync(context);
            A1111Options options = await Of<A1111Settings>(context).GetAsync(Callers.Of(context).Tenant, context.RequestAborted);
            return options.ToJson(models.Contains(ModelCatalog.DefaultModel) ? ModelCatalog.DefaultModel : models.Count == 1 ? models[0] : null);
        });
        Post(app, Base + "/options", Permission.Generate, static async (body, context) =>
        {
            string tenant = Callers.Of(context).Tenant;
            A1111Settings settings = Of<A1111Settings>(context);
            var faults = new List<FieldFault>();
            A1111Options changed =
                (await settings.GetAsync(tenant, context.RequestAborted)).With(body, await NamesAsync(context), faults);
            if (faults.Count > 0)
            {
                throw new FieldFaultException(faults);
            }
            await settings.SetAsync(tenant, changed, context.RequestAborted);
            return null;
        });
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(HttpContext context) =>
        [.. (await Of<A1111Catalog>(context).ModelsAsync(context.RequestAborted)).Select(model => (string)model!["model_name"]!)];

    private static async Task<JsonNode?> ControlNetsAsync(HttpContext context)
    {
        string[] names =
        [
            .. (await Of<ICatalog>(context).ModelsAsync(context.RequestAborted)).SelectMany(card => card.Facts.ControlNets)
                .Distinct().Order(StringComparer.Ordinal),
        ];
        return new JsonObject { ["model_list"] = new JsonArray([.. names.Select(name => (JsonNode)name)]) };
    }

    private static JsonObject Memory()
    {
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        long used = Environment.WorkingSet;
        return new JsonObject
        {
            ["ram"] = new JsonObject
            {
                ["free"] = Math.Max(0, memory.TotalAvailableMemoryBytes - used),
                ["used"] = used,
                ["total"] = memory.TotalAvailableMemoryBytes,
            },
            ["cuda"] = new JsonObject { ["error"] = "workers have the devices: brownian workers list" },
        };
    }

    private static T Of<T>(HttpContext context)
        where T : notnull => context.RequestServices.GetRequiredService<T>();

    private static Task<JsonNode?> Given(JsonNode? answer) => Task.FromResult(answer);

    private static void Get(WebApplication app, string path, Func<HttpContext, Task<JsonNode?>> answer) =>
        app.MapGet(path, context => WriteAsync(context, answer)).Requires(Permission.Read).WithMetadata(Form);

    private static void Post(WebApplication app, string path, Permission permission, Answer answer)
    {
        app.MapPost(path, context => WriteAsync(context, OfBodyAsync)).Requires(permission).WithMetadata(Form);

        async Task<JsonNode?> OfBodyAsync(HttpContext context) =>
            await answer(await JsonBodies.ReadObjectAsync(context, UploadService.MaxImageBytes), context);
    }

    private static async Task WriteAsync(HttpContext context, Func<HttpContext, Task<JsonNode?>> answer)
    {
        long start = Stopwatch.GetTimestamp();
        context.Response.OnStarting(() =>
        {
            context.Response.Headers["X-Process-Time"] =
                Stopwatch.GetElapsedTime(start).TotalSeconds.ToString("0.0000", CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        try
        {
            JsonNode? json = await answer(context);
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(json?.ToJsonString() ?? "null", context.RequestAborted);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller left.
        }
        catch (A1111Exception exception)
        {
            await A1111Errors.WriteAsync(context, exception.HttpStatus, exception.Message);
        }
        catch (BadHttpRequestException exception)
        {
            await A1111Errors.WriteAsync(context, exception.StatusCode, exception.Message);
        }
        catch (Exception exception)
        {
            await Answers.RefuseAsync(context, Of<FaultTranslator>(context).Translate(exception, context.Request.Path));
        }
    }

    private static Task Unknown(HttpContext context) => JsonErrors.WriteAsync(
        context, StatusCodes.Status404NotFound, StatusCode.NotFound, $"there is no call {context.Request.Method} {context.Request.Path}");
}
