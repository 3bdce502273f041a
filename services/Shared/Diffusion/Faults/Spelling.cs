namespace Brownian.Diffusion.Faults;

/// <summary>Finds the name that a misspelt one was meant to be.</summary>
public static class Spelling
{
    /// <summary>The shortest text that is taken as the beginning of a name.</summary>
    private const int MinBeginning = 3;

    /// <summary>Returns the known name that is nearest to a text; null when none is near.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="known">The known names. Of several that are equally near, the first is returned.</param>
    public static string? Nearest(string text, IEnumerable<string> known)
    {
        string? nearest = null;
        int least = int.MaxValue;
        foreach (string name in known)
        {
            int allowed = Math.Max(1, Math.Min(text.Length, name.Length) / 3);
            int distance = Distance(text.ToUpperInvariant(), name.ToUpperInvariant());
            if (distance > allowed)
            {
                // A beginning is further away than any misspelling.
                bool begins = text.Length >= MinBeginning && name.StartsWith(text, StringComparison.OrdinalIgnoreCase);
                distance = begins ? 1000 + name.Length : int.MaxValue;
            }
            if (distance < least)
            {
                (nearest, least) = (name, distance);
            }
        }
        return nearest;
    }

    /// <summary>Returns " (did you mean NAME?)" for a message, or nothing when no known name is near.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="known">The known names.</param>
    public static string Hint(string text, IEnumerable<string> known) => Meant(Nearest(text, known));

    /// <summary>Returns " (did you mean NAME?)" for a message, or nothing without a name.</summary>
    public static string Meant(string? name) => name is null ? "" : $" (did you mean {name}?)";

    /// <summary>
    /// Returns the least number of letters to insert, remove, replace or exchange with their neighbour: the optimal string alignment distance.
    /// </summary>
    internal static int Distance(string one, string other)
    {
        int[] beforeLast = new int[other.Length + 1], last = [.. Enumerable.Range(0, other.Length + 1)], row = new int[other.Length + 1];
        for (int i = 1; i <= one.Length; i++)
        {
            row[0] = i;
            for (int k = 1; k <= other.Length; k++)
            {
                row[k] = Math.Min(Math.Min(row[k - 1], last[k]) + 1, last[k - 1] + (one[i - 1] == other[k - 1] ? 0 : 1));
                if (i > 1 && k > 1 && one[i - 1] == other[k - 2] && one[i - 2] == other[k - 1])
                {
                    row[k] = Math.Min(row[k], beforeLast[k - 2] + 1);
                }
            }
            (beforeLast, last, row) = (last, row, beforeLast);
        }
        return last[other.Length];
    }
}
