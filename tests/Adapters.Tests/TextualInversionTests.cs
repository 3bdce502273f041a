using Brownian.Diffusion.Faults;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Inference.Tests.Adapters;
using Brownian.Inference.Tests.Models;
using Brownian.Tests.Programs;
using Brownian.Tokenizers;

namespace Brownian.Adapters.Tests;

public sealed class TextualInversionTests
{
    private static readonly ClipTokenizer Tokenizer = ClipTokenizer.Load(GoldenData.Model("tiny-sd15").Tokenizer!);

    [Fact]
    public void Both_forms_of_textual_inversions_of_the_reference_are_read()
    {
        TextualInversion own = TextualInversion.Read(GoldenData.Embedding("golden-blob-2.safetensors"));
        Assert.Equal(("<golden-blob>", 2, false), (own.Token, own.Count, own.IsForTwoEncoders));
        Assert.Equal("my-style", TextualInversion.Read(GoldenData.Embedding("golden-blob-2.safetensors"), "my-style").Token);
        TextualInversion other = TextualInversion.Read(GoldenData.Embedding("emb-params-1.safetensors"));
        Assert.Equal(("emb-params-1", 1), (other.Token, other.Count));
        Assert.Equal(64, own.Sha256.Length);
    }

    [Fact]
    public void Vectors_for_two_text_encoders_are_added_to_their_own_encoders()
    {
        TextualInversion inversion = Parse(
            new SafetensorsWriter().Floats("clip_l", new float[2 * 32], 2, 32).Floats("clip_g", [.. Enumerable.Repeat(1f, 2 * 48)], 2, 48), "<x>");
        Assert.True(inversion.IsForTwoEncoders);
        Dictionary<string, GraphWeights> sdxl = GoldenData.Weights("tiny-sdxl");
        var set = new AdapterSet([], [inversion]);
        set.Check(sdxl.Signatures());
        foreach ((string part, int width) in ((string, int)[])[("text_encoder", 32), ("text_encoder_2", 48)])
        {
            using PatchedGraph patched = set.Patch(part, sdxl[part]);
            using var folder = new TemporaryFolder();
            File.WriteAllBytes(folder.Combine("model.onnx"), patched.Bytes);
            Assert.Equal((4005, width), GraphWeights.Read(folder.Combine("model.onnx")).TokenEmbeddings);
        }
        Assert.Contains(
            "two text encoders, and the model has 1",
            Assert.Throws<ModelException>(() => set.Check(GoldenData.Weights("tiny-sd15").Signatures())).Message, StringComparison.Ordinal);
        var single = new AdapterSet([], [TextualInversion.Read(GoldenData.Embedding("golden-blob-2.safetensors"))]);
        Assert.Contains(
            "one text encoder, and the model has 2", Assert.Throws<ModelException>(() => single.Check(sdxl.Signatures())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Both_diffusers_forms_for_two_encoders_give_the_graphs_of_a_single_file()
    {
        float[] first = [.. Enumerable.Range(0, 2 * 32).Select(i => i / 64f)], second = [.. Enumerable.Range(0, 2 * 48).Select(i => -i / 96f)];
        TextualInversion expected = Parse(new SafetensorsWriter().Floats("clip_l", first, 2, 32).Floats("clip_g", second, 2, 48), "<x>");
        TextualInversion named =
            Parse(new SafetensorsWriter().Floats("text_encoders_0", first, 2, 32).Floats("text_encoders_1", second, 2, 48), "<x>");
        TextualInversion one = Parse(new SafetensorsWriter().Floats("<x>", first, 2, 32)),
        two = Parse(new SafetensorsWriter().Floats("<x>", second, 2, 48));
        Dictionary<string, GraphWeights> sdxl = GoldenData.Weights("tiny-sdxl");
        foreach (AdapterSet set in (AdapterSet[])[new([], [named]), new([], [one, two]), new([], [two, one])])
        {
            set.Check(sdxl.Signatures());
            Assert.Equal(new PromptToken("<x>", 2), Assert.Single(set.Tokens));
            foreach (string part in (string[])["text_encoder", "text_encoder_2"])
            {
                using PatchedGraph patched = set.Patch(part, sdxl[part]), wanted = new AdapterSet([], [expected]).Patch(part, sdxl[part]);
                Assert.Equal(wanted.Bytes, patched.Bytes);
            }
        }
        Assert.NotEqual(new AdapterSet([], [one, two]).Key, new AdapterSet([], [named]).Key);
    }

    [Fact]
    public void A_textual_inversion_for_one_of_two_encoders_alone_is_refused_by_field()
    {
        TextualInversion other = Parse(new SafetensorsWriter().Floats("clip_l", new float[32], 1, 32).Floats("clip_g", new float[48], 1, 48), "<y>");
        TextualInversion alone = Parse(new SafetensorsWriter().Floats("<x>", new float[32], 1, 32));
        var faults = new List<FieldFault>();
        new AdapterSet([], [other, alone]).Check(GoldenData.Weights("tiny-sdxl").Signatures(), faults);
        FieldFault fault = Assert.Single(faults);
        Assert.Equal("textual_inversions[1]", fault.Field);
        Assert.Contains("give the file for the other one too, with the same token", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_textual_inversions_of_one_token_that_are_no_pair_are_refused()
    {
        TextualInversion one = Parse(new SafetensorsWriter().Floats("<x>", new float[32], 1, 32)),
        same = Parse(new SafetensorsWriter().Floats("<x>", [.. Enumerable.Repeat(1f, 32)], 1, 32));
        Assert.Contains(
            "both have the token", Assert.Throws<ModelException>(() => new AdapterSet([], [one, same])).Message, StringComparison.Ordinal);
        TextualInversion longer = Parse(new SafetensorsWriter().Floats("<x>", new float[2 * 48], 2, 48));
        Assert.Contains(
            "the same number for both text encoders", Assert.Throws<ModelException>(() => new AdapterSet([], [one, longer])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Vectors_of_another_models_width_are_refused()
    {
        var set = new AdapterSet([], [Parse(new SafetensorsWriter().Floats("<x>", new float[768], 1, 768))]);
        string message = Assert.Throws<ModelException>(() => set.Check(GoldenData.Weights("tiny-sd15").Signatures())).Message;
        Assert.Contains("its vectors have 768 values, those of the model's text_encoder have 32", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_invalid_textual_inversion_file_is_refused()
    {
        Assert.Contains("it has no tensors", Refused(new SafetensorsWriter()), StringComparison.Ordinal);
        Assert.Contains("the tensors a, b", Refused(new SafetensorsWriter().Floats("a", [1], 1).Floats("b", [1], 1)), StringComparison.Ordinal);
        Assert.Contains("of shape [0, 4]", Refused(new SafetensorsWriter().Floats("a", [], 0, 4)), StringComparison.Ordinal);
        Assert.Contains("with 1..75 vectors", Refused(new SafetensorsWriter().Floats("a", new float[76], 76, 1)), StringComparison.Ordinal);
        Assert.Contains(
            "the same number of vectors for both",
            Refused(new SafetensorsWriter().Floats("clip_l", new float[2], 2, 1).Floats("clip_g", new float[1], 1, 1)),
            StringComparison.Ordinal);
        Assert.Contains("only finite", Refused(new SafetensorsWriter().Floats("a", [float.NaN], 1, 1)), StringComparison.Ordinal);
        Assert.All(
            (string[])["", " a", "a\n", new('a', 101)], token =>
                Assert.Contains("allowed: 1..100 characters", Refused(new SafetensorsWriter().Floats("a", [1], 1), token), StringComparison.Ordinal));
    }

    [Fact]
    public void Added_tokens_have_the_ids_after_the_vocabulary_and_ignore_case()
    {
        ClipTokenizer tokenizer = Tokenizer.WithTokens([new PromptToken("<blob>", 2), new PromptToken("My-Style", 1)]);
        Assert.Equal((4003, 4006), (Tokenizer.NextId, tokenizer.NextId));
        Assert.Equal([4003, 4004], Inner(tokenizer, "<blob>"));
        Assert.Equal([4005, 4005, 4005], Inner(tokenizer, "My-Style my-style MY-STYLE"));
        Assert.Equal([.. Inner(Tokenizer, "red"), 4003, 4004, .. Inner(Tokenizer, ", red")], Inner(tokenizer, "red<blob>, red"));
        Assert.Equal(Tokenizer.Encode("a plain text"), tokenizer.Encode("a plain text"));
        Assert.Equal("<blob> <blob>_1", tokenizer.Decode([4003, 4004]));
    }

    [Fact]
    public void A_token_in_another_case_gives_only_its_first_vector_like_the_reference()
    {
        ClipTokenizer tokenizer = Tokenizer.WithTokens([new PromptToken("my-style", 3)]);
        Assert.Equal([4003], Inner(tokenizer, "MY-STYLE"));
        Assert.Equal([4003, 4004, 4005, 4003], Inner(tokenizer, "my-style MY-STYLE"));
        Assert.Equal([4004], Inner(tokenizer, "my-style_1"));
    }

    [Fact]
    public void Tokens_can_be_added_repeatedly_and_from_a_given_id()
    {
        ClipTokenizer tokenizer = Tokenizer.WithTokens([new PromptToken("<a>", 1)]).WithTokens([new PromptToken("<b>", 2)], firstId: 5000);
        Assert.Equal([4003, 5000, 5001], Inner(tokenizer, "<a> <b>"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizer.WithTokens([new PromptToken("<a>", 1)], firstId: 4002));
        Assert.Same(Tokenizer, Tokenizer.WithTokens([]));
    }

    [Fact]
    public void A_token_that_exists_already_is_refused()
    {
        Assert.Contains(
            "vocabulary already", Assert.Throws<ModelException>(() => Tokenizer.WithTokens([new PromptToken("a", 1)])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "there twice", Assert.Throws<ModelException>(() => Tokenizer.WithTokens([new PromptToken("<a>", 1), new PromptToken("<A>", 1)])).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "empty", Assert.Throws<ModelException>(() => Tokenizer.WithTokens([new PromptToken(" ", 1)])).Message, StringComparison.Ordinal);
        TextualInversion one = Parse(new SafetensorsWriter().Floats("<x>", new float[4], 2, 2)),
        other = Parse(new SafetensorsWriter().Floats("<X>_1", new float[2], 1, 2));
        Assert.Contains(
            "both have the token", Assert.Throws<ModelException>(() => new AdapterSet([], [one, other])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_table_that_is_an_input_or_has_other_uses_cannot_be_extended()
    {
        const string Table = "text_model.embeddings.token_embedding.weight";
        OnnxStub Stub() =>
            new OnnxStub().Weights(Table, new float[8], 4, 2).Node("Gather", [Table, "ids"], "words").Input("ids", OnnxStub.Int64, 1, 3)
                .Output("words", OnnxStub.Float32, 1, 3, 2);
        var set = new AdapterSet([], [Parse(new SafetensorsWriter().Floats("<x>", [1, 2], 1, 2))]);
        Check(Stub());
        Assert.Contains(
            "also an input", Assert.Throws<ModelException>(() => Check(Stub().Input(Table, OnnxStub.Float32, 4, 2))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "another use", Assert.Throws<ModelException>(() => Check(Stub().Node("Shape", [Table], "rows"))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "no text encoder", Assert.Throws<ModelException>(() => set.Check(new Dictionary<string, GraphSignature>())).Message,
            StringComparison.Ordinal);

        void Check(OnnxStub stub)
        {
            using var folder = new TemporaryFolder();
            stub.Save(folder.Combine("model.onnx"));
            set.Check(new Dictionary<string, GraphSignature> { ["text_encoder"] = GraphWeights.Read(folder.Combine("model.onnx")).Signature });
        }
    }

    private static IEnumerable<int> Inner(ClipTokenizer tokenizer, string text) => tokenizer.Encode(text).Skip(1).SkipLast(1);

    private static TextualInversion Parse(SafetensorsWriter writer, string? token = null) =>
        TextualInversion.Parse(SafetensorsFile.Parse(writer.Bytes(), "some.safetensors"), token);

    private static string Refused(SafetensorsWriter writer, string? token = null) =>
        Assert.Throws<ModelException>(() => Parse(writer, token)).Message;
}
