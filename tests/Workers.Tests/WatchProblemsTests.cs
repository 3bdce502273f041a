using Microsoft.Extensions.Logging;

namespace Brownian.Workers.Tests;

public sealed class WatchProblemsTests
{
    private const string Model = "model";

    [Fact]
    public void A_model_that_cannot_be_served_is_tried_after_pauses_that_double()
    {
        var problems = new WatchProblems(new LoggerFactory().CreateLogger("test"));
        int[] pauses = new int[8];
        for (int i = 0; i < pauses.Length; i++)
        {
            problems.Refuse(Model, "no memory");
            while (!problems.IsDue(Model))
            {
                pauses[i]++;
            }
        }
        Assert.Equal([1, 2, 4, 8, 16, 32, 32, 32], pauses);

        problems.End(Model);
        Assert.True(problems.IsDue(Model));
        problems.Refuse(Model, "no memory");
        Assert.False(problems.IsDue(Model));
        Assert.True(problems.IsDue(Model));
    }

    [Fact]
    public void A_problem_is_logged_once_until_it_changes_or_ends()
    {
        using var log = new LogLines();
        using var factory = LoggerFactory.Create(builder => builder.AddProvider(log));
        var problems = new WatchProblems(factory.CreateLogger("test"));
        foreach (string problem in (string[])["one", "one", "two", "two"])
        {
            problems.Refuse(Model, problem);
        }
        problems.End(Model);
        problems.Report(Model, "two");
        Assert.Equal(3, log.Lines.Count);
    }
}
