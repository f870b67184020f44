using System.Net.Http.Headers;
using System.Net.Security;

namespace Berth.Registry.Transport;

/// <summary>The connections to all hosts. Redirects, cookies and decompression are switched off: what comes is what was sent.</summary>
internal sealed class RegistryConnections : IDisposable
{
    private readonly RegistryOptions options;
    private readonly HttpMessageInvoker plain;
    private readonly HttpMessageInvoker unchecked_;

    public RegistryConnections(RegistryOptions options)
    {
        this.options = options;
        plain = Make(isInsecure: false);
        unchecked_ = Make(isInsecure: true);
    }

    /// <summary>Sends one message; returns when the head of the answer is there.</summary>
    /// <exception cref="HttpRequestException">The host cannot be reached or broke off.</exception>
    /// <exception cref="TimeoutException">A time limit passed.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage message, bool isInsecure, CancellationToken cancellationToken)
    {
        message.Version = System.Net.HttpVersion.Version11;
        message.Headers.TryAddWithoutValidation("User-Agent", options.UserAgent);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.HeaderLimit);
        try
        {
            return await (isInsecure ? unchecked_ : plain).SendAsync(message, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no answer for {options.HeaderLimit.TotalSeconds:0} seconds", e);
        }
    }

    public void Dispose()
    {
        plain.Dispose();
        unchecked_.Dispose();
    }

    private HttpMessageInvoker Make(bool isInsecure)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = System.Net.DecompressionMethods.None,
            ConnectTimeout = options.ConnectLimit,
            MaxResponseHeadersLength = 64,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            Credentials = null,
            PreAuthenticate = false,
            ActivityHeadersPropagator = null,
        };
        if (isInsecure)
        {
#pragma warning disable CA5359 // the user named this host as one whose certificate is not checked
            handler.SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true };
#pragma warning restore CA5359
        }

        return new HttpMessageInvoker(handler);
    }
}
