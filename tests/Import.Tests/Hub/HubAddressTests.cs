using System.Net;
using Brownian.Import.Hub;

namespace Brownian.Import.Tests.Hub;

/// <summary>What can be pulled, as users write it.</summary>
public sealed class HubAddressTests
{
    private static readonly Uri Mirror = new("https://mirror.example.org:8443/hub/");

    [Theory]
    [InlineData("artist/tiny", "artist/tiny", null, null)]
    [InlineData("artist/tiny@v1.0", "artist/tiny", "v1.0", null)]
    [InlineData("artist/tiny@refs/pr/1", "artist/tiny", "refs/pr/1", null)]
    [InlineData("https://huggingface.co/artist/tiny", "artist/tiny", null, null)]
    [InlineData("https://huggingface.co/artist/tiny/", "artist/tiny", null, null)]
    [InlineData("https://huggingface.co/artist/tiny/tree/v1", "artist/tiny", "v1", null)]
    [InlineData("https://huggingface.co/artist/tiny/blob/main/a/b.ckpt", "artist/tiny", "main", "a/b.ckpt")]
    [InlineData("https://huggingface.co/artist/tiny/resolve/refs%2Fpr%2F1/b%20c.ckpt?download=true", "artist/tiny", "refs/pr/1", "b c.ckpt")]
    [InlineData("https://mirror.example.org:8443/hub/artist/tiny/resolve/main/b.ckpt", "artist/tiny", "main", "b.ckpt")]
    public void An_address_at_the_hub_names_a_repository_or_a_file_of_it(string text, string repository, string? revision, string? file)
    {
        HubAddress address = HubAddress.Parse(text, Mirror)!;
        Assert.Equal((repository, revision, file, null), (address.Repository, address.Revision, address.File, address.Url));
        Assert.Equal(file is not null, address.IsFile);
        Assert.Equal(file is null ? "tiny" : Path.GetFileNameWithoutExtension(file), address.Name);
    }

    [Theory]
    [InlineData("https://example.org/a/b/resolve/main/c.ckpt", "c")]
    [InlineData("https://mirror.example.org/hub/artist/tiny", "tiny")]
    [InlineData("https://example.org/a%2Fb.ckpt", "checkpoint")]
    [InlineData("https://example.org/", "checkpoint")]
    [InlineData("https://example.org/..%5Cup.ckpt", "checkpoint")]
    [InlineData("http://127.0.0.1:5000/a.safetensors?token=x", "a")]
    [InlineData("http://localhost/a.safetensors", "a")]
    public void Another_address_is_a_file(string text, string name)
    {
        HubAddress address = HubAddress.Parse(text, Mirror)!;
        Assert.Equal(new Uri(text), address.Url);
        Assert.True(address.IsFile);
        Assert.Equal(name, address.Name);
        Assert.DoesNotContain("token", address.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tiny")]
    [InlineData("a/b/c")]
    [InlineData("../tiny")]
    [InlineData("artist/..")]
    [InlineData("artist/.tiny")]
    [InlineData("artist/tiny@")]
    [InlineData("artist/tiny@../x")]
    [InlineData("artist/tiny@a..b")]
    [InlineData("artist/ti ny")]
    [InlineData("artist/tiny\n")]
    [InlineData("http://example.org/a.safetensors")]
    [InlineData("ftp://example.org/a.safetensors")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user:password@example.org/a.safetensors")]
    [InlineData("https://huggingface.co/artist/tiny/resolve/main/..%2Fup")]
    [InlineData("https://huggingface.co/artist/tiny/resolve/main/")]
    [InlineData("https://huggingface.co/artist/tiny/commits/main")]
    [InlineData("https://huggingface.co/artist")]
    public void Other_texts_are_no_address(string text) => Assert.Null(HubAddress.Parse(text, Mirror));

    [Theory]
    [InlineData("https://mirror.example.org", true)]
    [InlineData("http://127.0.0.1:5000", true)]
    [InlineData("http://[::1]:5000/hub", true)]
    [InlineData("http://mirror.example.org", false)]
    [InlineData("https://mirror.example.org/?a=b", false)]
    [InlineData("https://user@mirror.example.org/", false)]
    [InlineData("mirror.example.org", false)]
    public void A_hub_is_encrypted_unless_it_is_of_this_machine(string text, bool isHub) =>
        Assert.Equal(isHub, HubAddress.ParseHub(text) is not null);

    [Fact]
    public void Requests_to_this_machine_go_to_no_proxy()
    {
        var bypass = new LoopbackBypass(new WebProxy("http://proxy.example.org:3128"));
        Assert.Null(bypass.GetProxy(new Uri("http://127.0.0.1:5000/a")));
        Assert.True(bypass.IsBypassed(new Uri("http://localhost/a")));
        Assert.Equal(new Uri("http://proxy.example.org:3128"), bypass.GetProxy(new Uri("https://huggingface.co/a")));
        Assert.False(bypass.IsBypassed(new Uri("https://huggingface.co/a")));
    }
}
