using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Grpc.Core;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;

namespace Brownian.Gateway.OpenAi;

/// <summary>
/// The paths of OpenAI's Images API: under <c>/openai/v1</c>, which is the base address of its SDKs, and under <c>/v1/images</c>.
/// </summary>
internal static class OpenAiDoor
{
    private const string Base = "/openai/v1";

    private static readonly (string Path, OpenAiCall Call)[] Calls =
        [("generations", OpenAiCall.Generation), ("edits", OpenAiCall.Edit), ("variations", OpenAiCall.Variation)];

    /// <summary>Adds the endpoints.</summary>
    public static void Map(WebApplication app)
    {
        var form = new OpenAiErrors();
        app.Use(next => context => AddListAsync(context, next));
        foreach (string root in (string[])[Base, "/v1"])
        {
            foreach ((string path, OpenAiCall call) in Calls)
            {
                app.MapPost($"{root}/images/{path}", (HttpContext context, OpenAiImages images) => images.AnswerAsync(call, context))
                    .Requires(Permission.Generate).WithMetadata(form);
            }
        }
        app.MapGet(Base + "/models", ListAsync).Requires(Permission.Read).WithMetadata(form);
        app.MapGet(Base + "/models/{name}", GetAsync).Requires(Permission.Read).WithMetadata(form);
        // Everything else under the base address has OpenAI's errors, too.
        app.Map(Base + "/{**path}", Unknown).Requires(Permission.None).WithMetadata(form);
    }

    private static Task Unknown(HttpContext context) => JsonErrors.WriteAsync(
        context, StatusCodes.Status404NotFound, StatusCode.NotFound,
        $"there is no call {context.Request.Method} {context.Request.Path}; here are POST images/generations, images/edits, images/variations, "
            + "and GET models");

    private static async Task ListAsync(HttpContext context, OpenAiModels models)
    {
        JsonArray list = await models.ListAsync(context.RequestAborted);
        await WriteAsync(context, new JsonObject { ["object"] = "list", ["data"] = list });
    }

    private static async Task GetAsync(string name, HttpContext context, OpenAiModels models)
    {
        try
        {
            await WriteAsync(context, await models.GetAsync(name, context.RequestAborted));
        }
        catch (OpenAiException exception)
        {
            await OpenAiErrors.WriteAsync(
                context, exception.HttpStatus, OpenAiErrors.TypeOf(exception.HttpStatus), exception.Code, exception.Param, exception.Message);
        }
    }

    private static Task WriteAsync(HttpContext context, JsonObject answer)
    {
        OpenAiErrors.SetRequestId(context);
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(answer.ToJsonString(), context.RequestAborted);
    }

    /// <summary>Adds OpenAI's list to the answer of <c>GET /v1/models</c>, so that one path answers the clients of both.</summary>
    private static async Task AddListAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>()?.MethodDescriptor is not { Name: "List" } method
            || method.Service.Name != nameof(V1.Models))
        {
            await next(context);
            return;
        }
        Stream answer = context.Response.Body;
        using var own = new MemoryStream();
        context.Response.Body = own;
        try
        {
            await next(context);
        }
        finally
        {
            context.Response.Body = answer;
        }
        byte[] body = own.ToArray();
        if (context.Response.StatusCode == StatusCodes.Status200OK && JsonNode.Parse(body) is JsonObject json)
        {
            json["object"] = "list";
            json["data"] = await context.RequestServices.GetRequiredService<OpenAiModels>().ListAsync(context.RequestAborted);
            body = System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());
        }
        context.Response.ContentLength = null;
        await answer.WriteAsync(body, context.RequestAborted);
    }
}
