using System.Text;

namespace Brownian.Chart.Tests;

/// <summary>Writes the chart's README from the comments of its values.</summary>
internal static class ChartReadme
{
    private const string Mark = "# -- ";

    /// <summary>
    /// Returns the page. A value whose comment begins with <c># --</c> is a row of its table, with all that is indented below it as its default.
    /// </summary>
    /// <param name="values">The lines of <c>values.yaml</c>.</param>
    public static string Write(string[] values)
    {
        var page = new StringBuilder(
            """
            # The Helm chart

                helm install brownian helm/brownian --set rabbitmq.trial=true --set redis.trial=true --set image.repository=REGISTRY/brownian

            This command installs gateways, one worker of each role, and RabbitMQ and Redis for trials. In production, RabbitMQ and Redis are outside
            of the chart: `rabbitmq.existingSecret` and `redis.existingSecret` name secrets with their addresses. Files in `ci/` show pools with
            GPUs, volumes with models, an Ingress, the Gateway API and autoscaling. [Operating](../../docs/operating.md#kubernetes) describes
            pools, [Autoscaling](../../docs/autoscaling.md) what scales them, [Security](../../docs/security.md) the keys and their rotation,
            [TLS](../../docs/tls.md) the certificates.

            Tests render the chart and validate the manifests. It has not been installed in a cluster yet, and the servers for trials have not
            run.

            | value | meaning | default |
            |---|---|---|

            """);
        var path = new Stack<(int Indent, string Name)>();
        string? comment = null;
        for (int i = 0; i < values.Length; i++)
        {
            string line = values[i].Trim();
            if (line.StartsWith(Mark, StringComparison.Ordinal))
            {
                comment = line[Mark.Length..];
            }
            else if (line.Length > 0 && !line.StartsWith('#'))
            {
                int indent = values[i].Length - values[i].TrimStart().Length;
                while (path.TryPeek(out (int Indent, string Name) outer) && outer.Indent >= indent)
                {
                    path.Pop();
                }
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                path.Push((indent, line[..colon]));
                if (comment is not null)
                {
                    string name = string.Join('.', path.Reverse().Select(part => part.Name));
                    page.Append("| `").Append(name).Append("` | ").Append(comment).Append(" | ")
                        .Append(Default(values, i, line[(colon + 1)..].Trim(), indent)).Append(" |\n");
                }
                comment = null;
            }
        }
        return page.ToString();
    }

    private static string Default(string[] values, int line, string value, int indent)
    {
        string text = value.Length > 0
            ? value
            : string.Join(
                "; ",
                values.Skip(line + 1).TakeWhile(next => next.Length - next.TrimStart().Length > indent).Select(next => next.Trim()));
        return text is "\"\"" ? "" : $"`{text}`";
    }
}
