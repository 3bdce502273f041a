using System.Text;

namespace Brownian.Hosting.Tests;

/// <summary>The signature of Standard Webhooks.</summary>
public sealed class CallbackSecretTests
{
    [Fact]
    public void A_signature_is_that_of_the_reference_library()
    {
        // What the npm package standardwebhooks 1.1.1 signs; the secret, of its README, is a byte shorter than the specification says.
        var secret = new CallbackSecret(Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLSw="));

        Assert.Equal(
            "v1,ZX+cit3WVzUwYRrx5Jd2bAxKm4yP98Gl9PXm206LrCk=",
            secret.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Encoding.UTF8.GetBytes("""{"test": 2432232314}""")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("whsec_")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLSw")]
    [InlineData("whsec_c2hvcnQ=")]
    [InlineData("whsec_not base64 at all, and long enough")]
    public void Another_text_is_no_secret(string text) => Assert.Null(CallbackSecret.Parse(text));
}
