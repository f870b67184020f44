using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using Berth.Registry.Push;

namespace Berth.Registry.Transport;

/// <summary>The connections to all hosts. Redirects, cookies and decompression are switched off: what comes is what was sent.</summary>
internal sealed class RegistryConnections : IDisposable
{
    private readonly RegistryOptions options;
    private readonly RegistryProxies proxies;
    private readonly HttpMessageInvoker checkedHosts;
    private readonly HttpMessageInvoker uncheckedHosts;
    private readonly ConcurrentDictionary<(string Authority, bool IsInsecure), (string Stamp, HttpMessageInvoker Invoker)> own = new();

    public RegistryConnections(RegistryOptions options)
    {
        this.options = options;
        proxies = new RegistryProxies(options.Proxy);
        checkedHosts = Make(new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (sender, certificate, chain, errors) => TlsFailure.Require(sender, certificate, chain, errors, null) });
#pragma warning disable CA5359 // for hosts that the user named as ones whose certificate is not checked
        uncheckedHosts = Make(new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true });
#pragma warning restore CA5359
    }

    /// <summary>Sends one message; returns when the head of the answer is there.</summary>
    /// <exception cref="HttpRequestException">The host cannot be reached or broke off.</exception>
    /// <exception cref="TimeoutException">A time limit passed: for the connection and the head of the answer, and between two bytes of the body that is sent.</exception>
    /// <exception cref="Berth.Model.EngineException">InvalidArgument for certificate files that cannot be used.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage message, bool isInsecure, CancellationToken cancellationToken)
    {
        message.Version = HttpVersion.Version11;
        message.Headers.TryAddWithoutValidation("User-Agent", options.UserAgent);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.HeaderLimit);
        if (message.Content is BlobContent blob)
        {
            blob.Moves = isDone => limit.CancelAfter(isDone ? options.HeaderLimit : options.StallLimit);
        }

        try
        {
            return await InvokerOf(message.RequestUri!, isInsecure).SendAsync(message, limit.Token);
        }
        catch (HttpRequestException e) when (TlsFailure.Of(e, message.RequestUri!, options.CertificateFolders) is { } tls)
        {
            throw new HttpRequestException(tls.Message, tls);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException(e.InnerException is TimeoutException ? "the connection could not be made in time" : "no answer in time", e);
        }
    }

    public void Dispose()
    {
        checkedHosts.Dispose();
        uncheckedHosts.Dispose();
        foreach ((string Stamp, HttpMessageInvoker Invoker) entry in own.Values)
        {
            entry.Invoker.Dispose();
        }
    }

    // Files of a host are read again when they change; connections that were made with the old ones end by themselves.
    private HttpMessageInvoker InvokerOf(Uri uri, bool isInsecure)
    {
        if (uri.Scheme != "https")
        {
            return checkedHosts;
        }

        string stamp = HostCertificates.Stamp(options.CertificateFolders, uri);
        if (stamp.Length == 0)
        {
            return isInsecure ? uncheckedHosts : checkedHosts;
        }

        (string Authority, bool IsInsecure) key = (uri.Authority, isInsecure);
        if (!own.TryGetValue(key, out (string Stamp, HttpMessageInvoker Invoker) entry) || entry.Stamp != stamp)
        {
            entry = (stamp, Make(HostCertificates.Read(options.CertificateFolders, uri).MakeOptions(isInsecure)));
            own[key] = entry;
        }

        return entry.Invoker;
    }

    private HttpMessageInvoker Make(SslClientAuthenticationOptions tls) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = options.ConnectLimit,
        MaxResponseHeadersLength = 64,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        PreAuthenticate = false,
        ActivityHeadersPropagator = null,
        UseProxy = !proxies.IsEmpty,
        Proxy = proxies.IsEmpty ? null : proxies,
        SslOptions = tls,
    });
}
