using Brownian.Cli.Batch;

namespace Brownian.Cli.Tests.Batch;

/// <summary>The log of a batch's folder.</summary>
public sealed class BatchLogTests
{
    [Fact]
    public void A_finished_request_is_found_by_its_fields_and_place_while_its_files_exist()
    {
        using var folder = new TemporaryFolder();
        string batch = Write(folder, ("one", "0000.png"), ("two", "0001-0.png"));
        foreach (string file in (string[])["0000.png", "0001-0.png"])
        {
            File.WriteAllText(folder.Combine(file), "");
        }

        using var log = BatchLog.Read(folder.FullPath);

        Assert.Equal(batch, log.Batch);
        Assert.Equal(["0000.png"], log.FindFiles(Request(0, "one"))!);
        Assert.Equal(["0001-0.png"], log.FindFiles(Request(1, "two"))!);
        Assert.Null(log.FindFiles(Request(0, "two")));
        Assert.Null(log.FindFiles(Request(2, "one")));
        File.Delete(folder.Combine("0000.png"));
        Assert.Null(log.FindFiles(Request(0, "one")));
    }

    [Fact]
    public void A_file_that_another_request_has_overwritten_is_that_ones()
    {
        using var folder = new TemporaryFolder();
        Write(folder, ("one", "0000.png"));
        File.WriteAllText(folder.Combine("0000.png"), "");
        Write(folder, ("other", "0000.png"));

        using var log = BatchLog.Read(folder.FullPath);

        Assert.Null(log.FindFiles(Request(0, "one")));
        Assert.NotNull(log.FindFiles(Request(0, "other")));
    }

    /// <summary>A killed run leaves any part of its last line.</summary>
    [Fact]
    public void A_log_whose_last_line_is_not_whole_is_continued_after_the_others()
    {
        using var folder = new TemporaryFolder();
        Write(folder, ("one", "0000.png"), ("two", "0001.png"));
        byte[] whole = File.ReadAllBytes(folder.Combine(BatchLog.FileName));
        int last = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;
        File.WriteAllText(folder.Combine("0000.png"), "");
        File.WriteAllText(folder.Combine("0002.png"), "");
        for (int length = last; length < whole.Length; length++)
        {
            File.WriteAllBytes(folder.Combine(BatchLog.FileName), whole[..length]);
            Write(folder, ("three", "0002.png"));

            using var log = BatchLog.Read(folder.FullPath);

            Assert.NotNull(log.FindFiles(Request(0, "one")));
            Assert.NotNull(log.FindFiles(Request(2, "three")));
        }
    }

    [Theory]
    [InlineData("hello\n")]
    [InlineData("{\"key\": \"a\"}\n")]
    [InlineData("{\"batch\": \"a\"}\nhello\n{\"key\": \"b\", \"files\": []}\n")]
    public void Another_file_of_its_name_is_refused(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.Combine(BatchLog.FileName), text);

        Assert.Contains(
            "is not the log of a batch", Assert.Throws<FieldFaultException>(() => BatchLog.Read(folder.FullPath)).Message, StringComparison.Ordinal);
    }

    private static string Write(TemporaryFolder folder, params (string Key, string File)[] finished)
    {
        using var log = BatchLog.Read(folder.FullPath);
        log.Begin();
        foreach ((string key, string file) in finished)
        {
            log.Add(Request(0, key), [file]);
        }
        return log.Batch;
    }

    private static BatchRequest Request(int index, string key) => new(index, "", [], "", key);
}
