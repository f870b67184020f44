using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>
/// A daemon's socket behind TLS on a port of the loopback interface, with certificates of its own making in a folder: <c>ca.pem</c>, <c>cert.pem</c> and
/// <c>key.pem</c>, as clients look for them, and <c>other.pem</c>, an authority that has signed nothing. Only clients with a certificate are served. With an intermediate
/// authority, that has signed both certificates; it is in <c>cert.pem</c> too, but not in <c>leaf.pem</c>, and both authorities are in <c>both.pem</c>.
/// </summary>
internal sealed class TlsProxy : IAsyncDisposable
{
    private readonly string socketPath;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 authority;
    private readonly X509Certificate2? intermediate;
    private readonly X509Certificate2 certificate;
    private readonly SslStreamCertificateContext shown;
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;

    public TlsProxy(string socketPath, bool hasIntermediate = false, bool showsIntermediate = true)
    {
        this.socketPath = socketPath;
        Folder = Directory.CreateTempSubdirectory("be-tls-").FullName;
        authority = MakeAuthority("authority");
        intermediate = hasIntermediate ? SignAuthority("intermediate") : null;
        certificate = Sign("server", names => names.AddIpAddress(IPAddress.Loopback), "1.3.6.1.5.5.7.3.1");
        using X509Certificate2 client = Sign("client", names => names.AddDnsName("client"), "1.3.6.1.5.5.7.3.2");
        using X509Certificate2 stranger = MakeAuthority("stranger");
        File.WriteAllText(Path.Combine(Folder, "ca.pem"), authority.ExportCertificatePem());
        File.WriteAllText(Path.Combine(Folder, "other.pem"), stranger.ExportCertificatePem());
        File.WriteAllText(Path.Combine(Folder, "cert.pem"), client.ExportCertificatePem() + "\n" + intermediate?.ExportCertificatePem());
        File.WriteAllText(Path.Combine(Folder, "leaf.pem"), client.ExportCertificatePem());
        File.WriteAllText(Path.Combine(Folder, "both.pem"), authority.ExportCertificatePem() + "\n" + intermediate?.ExportCertificatePem());
        shown = SslStreamCertificateContext.Create(certificate, intermediate is not null && showsIntermediate ? [intermediate] : [], offline: true);
        File.WriteAllText(Path.Combine(Folder, "key.pem"), client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()); // it was made with one
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Where the certificates are.</summary>
    public string Folder { get; }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        stop.Dispose();
        certificate.Dispose();
        intermediate?.Dispose();
        authority.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task AcceptAsync()
    {
        var served = new List<Task>();
        try
        {
            while (true)
            {
                served.Add(ServeAsync(await listener.AcceptSocketAsync(stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        await using var tls = new SslStream(new NetworkStream(client, ownsSocket: true));
        using var daemon = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = shown,
                    ClientCertificateRequired = true,
                    RemoteCertificateValidationCallback = (_, client, chain, _) => client is X509Certificate2 leaf && chain is not null && IsTrusted(leaf, chain),
                },
                stop.Token);
            await daemon.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), stop.Token);
            await using var plain = new NetworkStream(daemon);
            Task input = CopyInputAsync(tls, plain, daemon);
            await plain.CopyToAsync(tls, stop.Token);
            await tls.ShutdownAsync();
            daemon.Shutdown(SocketShutdown.Both);
            await input;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One of the two went away, or was not trusted.
        }
    }

    // What the client sent besides is in the chain's store.
    private bool IsTrusted(X509Certificate2 client, X509Chain chain)
    {
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Clear();
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(client);
    }

    // The end of the client's input, which TLS tells with a message, is the daemon's end of input.
    private async Task CopyInputAsync(SslStream from, NetworkStream to, Socket daemon)
    {
        await from.CopyToAsync(to, stop.Token);
        daemon.Shutdown(SocketShutdown.Send);
    }

    private static X509Certificate2 MakeAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private X509Certificate2 SignAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        using X509Certificate2 signed = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-2), DateTimeOffset.UtcNow.AddHours(2), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    private X509Certificate2 Sign(string name, Action<SubjectAlternativeNameBuilder> add, string purpose)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + name, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        add(names);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        using X509Certificate2 signed = request.Create(intermediate ?? authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
