using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Model;

namespace Berth.Client;

/// <summary>TLS towards an engine that listens on TCP, from PEM files as docker's clients use them. Unix sockets are spoken to without it.</summary>
public sealed class EngineTls : IDisposable
{
    private readonly X509Certificate2Collection? authorities;
    private readonly X509Certificate2? own;
    private readonly X509Certificate2Collection intermediates = [];

    private EngineTls(X509Certificate2Collection? authorities, X509Certificate2? own)
    {
        this.authorities = authorities;
        this.own = own;
    }

    /// <summary>Reads the files.</summary>
    /// <param name="authorityFile">Whom to trust, and nobody else; null to take any engine for the right one.</param>
    /// <param name="certificateFile">What to show the engine, and after it what leads from there to an authority that the engine trusts; null for nothing, and then without <paramref name="keyFile"/>.</param>
    /// <param name="keyFile">The private key of that, not encrypted.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> naming the file that cannot be read or is none of that kind.</exception>
    public static EngineTls Load(string? authorityFile, string? certificateFile, string? keyFile)
    {
        X509Certificate2Collection? trusted = null;
        if (authorityFile is not null)
        {
            trusted = Read($"could not read CA certificate \"{authorityFile}\"", () =>
            {
                var found = new X509Certificate2Collection();
                found.ImportFromPem(File.ReadAllText(authorityFile));
                return found.Count > 0 ? found : throw new CryptographicException();
            });
        }

        if (certificateFile is null && keyFile is null)
            return new EngineTls(trusted, null);

        return Read($"could not load X509 key pair (certificate \"{certificateFile}\", key \"{keyFile}\")", () =>
        {
            string certificates = File.ReadAllText(certificateFile ?? throw new CryptographicException());
            var loaded = new EngineTls(trusted, X509Certificate2.CreateFromPem(certificates, File.ReadAllText(keyFile ?? certificateFile)));
            loaded.intermediates.ImportFromPem(certificates); // the first once more: it is none of the chain's further parts, and does no harm among them
            return loaded;
        });
    }

    public void Dispose()
    {
        own?.Dispose();
        foreach (X509Certificate2 other in (X509Certificate2[])[.. authorities ?? [], .. intermediates])
            other.Dispose();
    }

    /// <summary>Shakes hands over a new connection, which the result owns.</summary>
    /// <exception cref="EngineConnectionException">One side does not trust the other, or the engine does not speak TLS.</exception>
    internal SslStream Begin(EngineEndpoint endpoint, Stream connection)
    {
        var tls = new SslStream(connection, leaveInnerStreamOpen: false);
        string? distrust = null;
        try
        {
            tls.AuthenticateAsClient(Options(endpoint.Host, reason => distrust = reason));
            return tls;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
            tls.Dispose();
            throw Refusal(endpoint, distrust, exception);
        }
    }

    /// <inheritdoc cref="Begin"/>
    internal async Task<SslStream> BeginAsync(EngineEndpoint endpoint, Stream connection, CancellationToken cancellationToken)
    {
        var tls = new SslStream(connection, leaveInnerStreamOpen: false);
        string? distrust = null;
        try
        {
            await tls.AuthenticateAsClientAsync(Options(endpoint.Host, reason => distrust = reason), cancellationToken);
            return tls;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException)
        {
            await tls.DisposeAsync();
            throw Refusal(endpoint, distrust, exception);
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    private SslClientAuthenticationOptions Options(string host, Action<string> tellDistrust)
    {
        var options = new SslClientAuthenticationOptions { TargetHost = host, EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13 };
        if (own is not null)
            options.ClientCertificateContext = SslStreamCertificateContext.Create(own, intermediates, offline: true);

        options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true, // a certificate that is not trusted yet must not say where to connect to
        };
        options.CertificateChainPolicy.CustomTrustStore.AddRange(authorities ?? []);
        options.RemoteCertificateValidationCallback = (_, _, chain, problems) =>
        {
            if (authorities is null || problems == SslPolicyErrors.None)
                return true; // without authorities, --tls without --tlsverify: encryption, but no proof of who it is

            tellDistrust(problems.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
                ? $"its certificate is not for {host}"
                : "its certificate is not trusted: " + string.Join(", ", chain?.ChainStatus.Select(static status => status.Status.ToString()) ?? []));
            return false;
        };
        return options;
    }

    // The framework's own texts are not in the executable.
    private static EngineConnectionException Refusal(EngineEndpoint endpoint, string? distrust, Exception cause) =>
        new($"cannot speak TLS with the daemon at {endpoint.Text}: {distrust ?? "it broke off (it may want a client certificate that it trusts) or speaks no TLS"}", cause);

    private static T Read<T>(string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            string reason = exception switch
            {
                FileNotFoundException or DirectoryNotFoundException => "no such file or directory",
                UnauthorizedAccessException => "permission denied",
                IOException => "it cannot be read",
                _ => "not in PEM form, or certificate and key do not belong together",
            };
            throw new EngineException(ErrorKind.InvalidArgument, $"{what}: {reason}", exception);
        }
    }
}
