using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Model;

namespace Berth.Plugins;

/// <summary>HTTP to one address. A connection is made for each call and closed after it, so that nothing is held for a plugin that is not asked.</summary>
internal sealed class PluginTransport : IDisposable
{
    private readonly HttpMessageInvoker http;
    private readonly Uri root;
    private readonly List<X509Certificate2> certificates = [];

    /// <exception cref="EngineException">InvalidArgument: a file of the plugin's TLS cannot be used.</exception>
    public PluginTransport(string plugin, PluginAddress address)
    {
        Address = address;
        string host = address.SocketPath is not null ? "plugin" : address.Authority;
        root = new Uri($"{(address.Tls is null ? "http" : "https")}://{host}/");
        var handler = new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null,
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.Zero,
            ConnectCallback = (context, cancellationToken) => ConnectAsync(address, cancellationToken),
        };
        if (address.Tls is { } tls)
        {
            handler.SslOptions = OptionsOf(plugin, tls);
        }

        http = new HttpMessageInvoker(handler);
    }

    public PluginAddress Address { get; }

    /// <summary>Sends one call; the caller reads and disposes the answer.</summary>
    /// <exception cref="HttpRequestException">It cannot be reached, or the connection ended.</exception>
    public async Task<HttpResponseMessage> SendAsync(string method, byte[] body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(root, method)) { Content = new ByteArrayContent(body) };

        // What dockerd says: no type of what it sends, and this of what it wants.
        request.Headers.Accept.ParseAdd("application/vnd.docker.plugins.v1.2+json");
        return await http.SendAsync(request, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        http.Dispose();
        certificates.ForEach(static certificate => certificate.Dispose());
    }

    private static async ValueTask<Stream> ConnectAsync(PluginAddress address, CancellationToken cancellationToken)
    {
        Socket socket = address.SocketPath is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (address.SocketPath is { } path)
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            }
            else
            {
                await socket.ConnectAsync(address.Host, address.Port, cancellationToken);
            }

            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private SslClientAuthenticationOptions OptionsOf(string plugin, PluginTls tls)
    {
        try
        {
            if (tls.CertFile.Length == 0 != (tls.KeyFile.Length == 0))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"plugin \"{plugin}\": its TLSConfig has {(tls.KeyFile.Length == 0 ? "CertFile and no KeyFile" : "KeyFile and no CertFile")}; give both, or neither");
            }

            var options = new SslClientAuthenticationOptions();
            if (tls.CertFile.Length > 0)
            {
                var own = X509Certificate2.CreateFromPemFile(tls.CertFile, tls.KeyFile);
                certificates.Add(own);
                options.ClientCertificates = [own];
            }

            if (tls.CAFile.Length > 0)
            {
                var trusted = new X509Certificate2Collection();
                trusted.ImportFromPem(File.ReadAllText(tls.CAFile));
                certificates.AddRange(trusted);
                options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
                options.CertificateChainPolicy.CustomTrustStore.AddRange(trusted);
            }

            if (tls.InsecureSkipVerify)
            {
#pragma warning disable CA5359, MA0039 // The plugin's owner wrote into its file that it is not to be checked.
                options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359, MA0039
            }

            return options;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"plugin \"{plugin}\": its TLS cannot be set up: {exception.Message}", exception);
        }
    }
}
