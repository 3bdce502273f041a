using System.CommandLine;
using System.CommandLine.Invocation;

namespace Brownian.Cli.Help;

/// <summary>What <c>--help</c> does.</summary>
internal sealed class GroupedHelpAction : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        new HelpWriter(parseResult.InvocationConfiguration.Output).Write(parseResult.CommandResult.Command);
        return 0;
    }
}
