using System.Collections.Concurrent;
using System.Reflection;
using Xunit.v3;

namespace Brownian.Testing.Nodes;

/// <summary>
/// Fails a test whose servers logged unexpected errors, beside the test's own failure: an exception thrown by the server's DisposeAsync would replace
/// the failure of the test's assertions.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class FailOnServerErrorsAttribute : BeforeAfterTestAttribute
{
    /// <summary>The errors of the tests that run now, by the tests' ids.</summary>
    private static readonly ConcurrentDictionary<string, ConcurrentQueue<string>> Running = new();

    /// <summary>Reports the unexpected errors of a server that ended.</summary>
    public static void Report(IReadOnlyList<string> errors)
    {
        if (errors.Count == 0)
        {
            return;
        }
        if (TestContext.Current.Test is { } test && Running.TryGetValue(test.UniqueID, out ConcurrentQueue<string>? collected))
        {
            collected.Enqueue(string.Join('\n', errors));
        }
        else
        {
            // A server of a fixture, or one that the test class disposes.
            Fail(errors);
        }
    }

    public override void Before(MethodInfo methodUnderTest, IXunitTest test) => Running[test.UniqueID] = [];

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (Running.TryRemove(test.UniqueID, out ConcurrentQueue<string>? errors) && !errors.IsEmpty)
        {
            Fail(errors);
        }
    }

    private static void Fail(IEnumerable<string> errors) => Assert.Fail("A server logged unexpected errors:\n" + string.Join('\n', errors));
}
