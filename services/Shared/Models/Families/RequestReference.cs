using System.Text;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Models.Families;

/// <summary>
/// The reference page of requests, <c>docs/request.md</c>: every field with its values, its default and the models that support it.
/// </summary>
public static class RequestReference
{
    private static readonly (FieldGroup Group, string Title)[] Sections =
    [
        (FieldGroup.Model, "Task and model"),
        (FieldGroup.Prompt, "Prompts"),
        (FieldGroup.Size, "Size, seeds and number of images"),
        (FieldGroup.Sampling, "Sampling"),
        (FieldGroup.Guidance, "Guidance"),
        (FieldGroup.Image, "Image to image, inpainting and frames"),
        (FieldGroup.Adapters, "LoRA and textual inversion"),
        (FieldGroup.ControlNet, "ControlNet"),
        (FieldGroup.Xl, "Stable Diffusion XL and its refiner"),
        (FieldGroup.Upscaling, "Upscaling and hires fix"),
        (FieldGroup.Unclip, "unCLIP (DALL-E 2)"),
        (FieldGroup.Cascade, "Cascades"),
        (FieldGroup.Output, "Files and previews"),
        (FieldGroup.Job, "The job, at a gateway"),
    ];

    /// <summary>Returns the page as Markdown.</summary>
    public static string ToMarkdown()
    {
        (string Kind, HashSet<string> Fields)[] kinds =
            [.. ModelFamilies.Vocabulary.Select(kind => (kind.Kind, kind.Fields.ToHashSet(StringComparer.Ordinal)))];
        var page = new StringBuilder(
            """
            # The request

                brownian request reference > request.md
                brownian request schema > request.schema.json
                brownian generate --request apple.json

            A request is one JSON object, such as this `apple.json`:

                {
                  "prompt": "red apple, flat", "negative_prompt": "", "seed": 7, "count": 2,
                  "steps": 20, "guidance_scale": 2.5, "scheduler": "dpm++_2m_karras"
                }

            The same fields are options of `generate`, fields of the gRPC message `GenerateRequest`
            and of the body of `POST /v1/jobs`. A field that is not given, or null, takes the default of the model. A field that
            the model does not support is refused, unless its value is a default of the reference's pipelines. A gateway serves the JSON Schema at
            `/v1/request.schema.json`; [the same file](request.schema.json) is beside this page.

            This page and the schema are written by the program from the declarations of the fields.

            """);
        foreach ((FieldGroup group, string title) in Sections)
        {
            RequestField[] fields = [.. RequestSchema.All.Where(field => field.Declared.Group == group)];
            page.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n");
            bool isJob = group is FieldGroup.Job;
            Header(page, isJob ? "" : " models |");
            foreach (RequestField field in fields)
            {
                Row(page, field, isJob ? "" : $" {ModelsOf(field.Name, kinds)} |");
            }
            foreach (RequestField field in fields.Where(field => field.Declared is ObjectFieldAttribute))
            {
                page.Append(CultureInfo.InvariantCulture, $"\nFields of `{field.Name}`:\n\n");
                Header(page, "");
                foreach (RequestField inner in ((ObjectFieldAttribute)field.Declared).Fields.All)
                {
                    Row(page, inner, "");
                }
            }
        }
        return page.ToString();
    }

    private static void Header(StringBuilder page, string models) =>
        page.Append("| field | meaning | type | allowed | default |").Append(models).Append(" since |\n|---|---|---|---|---|")
            .Append(models.Length > 0 ? "---|" : "").Append("---|\n");

    private static void Row(StringBuilder page, RequestField field, string models) => page.Append(
        CultureInfo.InvariantCulture,
        $"| `{field.Name}` | {Escape(field.Declared.Text)} | {field.Declared.Type} | {Escape(field.Declared.Allowed)} | "
            + $"{field.Declared.Default ?? "the model's"} |{models} {field.Declared.Since} |\n");

    /// <summary>Returns the kinds of models that support a field, or the kinds that do not when they are fewer.</summary>
    private static string ModelsOf(string field, (string Kind, HashSet<string> Fields)[] kinds)
    {
        string[] known = [.. kinds.Where(kind => kind.Fields.Contains(field)).Select(kind => kind.Kind)],
        others = [.. kinds.Select(kind => kind.Kind).Except(known)];
        return RequestSchema.Stages.Find(field) is not null ? "cascades"
            : others.Length == 0 ? "all"
            : others.Length < known.Length ? "all but " + string.Join(", ", others)
            : string.Join(", ", known);
    }

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
