using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>What the folders of one host say about TLS: authorities beside the system's, and certificates to show.</summary>
internal sealed class HostCertificates
{
    private readonly X509Certificate2Collection authorities;
    private readonly X509CertificateCollection own;

    private HostCertificates(X509Certificate2Collection authorities, X509CertificateCollection own)
    {
        this.authorities = authorities;
        this.own = own;
    }

    /// <summary>The files that count for a host, with their times: changes when one is added, removed or written; empty without any.</summary>
    /// <param name="folders">Each may hold a folder <c>host:port</c> and a folder <c>host</c>.</param>
    /// <param name="uri">Whose host and port is meant.</param>
    public static string Stamp(IReadOnlyList<string> folders, Uri uri) =>
        string.Join('\n', FilesOf(folders, uri).Select(static file => string.Create(CultureInfo.InvariantCulture, $"{file} {File.GetLastWriteTimeUtc(file).Ticks}")));

    /// <summary>Reads the files of a host.</summary>
    /// <exception cref="EngineException">InvalidArgument, naming the file that cannot be used or that lacks its other half.</exception>
    public static HostCertificates Read(IReadOnlyList<string> folders, Uri uri)
    {
        X509Certificate2Collection trusted = [];
        X509CertificateCollection shown = [];
        foreach (string file in FilesOf(folders, uri))
        {
            try
            {
                switch (Path.GetExtension(file))
                {
                    case ".crt":
                        trusted.ImportFromPemFile(file);
                        break;
                    case ".cert":
                        string key = Require(Path.ChangeExtension(file, ".key"), $"missing key {Path.ChangeExtension(file, ".key")} for client certificate {file}. CA certificates must use the extension .crt");
                        shown.Add(X509Certificate2.CreateFromPemFile(file, key));
                        break;
                    default:
                        Require(Path.ChangeExtension(file, ".cert"), $"missing client certificate {Path.ChangeExtension(file, ".cert")} for key {file}");
                        break;
                }
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"certificate file {file} for the registry {uri.Authority} cannot be used: {e.Message}", e);
            }
        }

        return new HostCertificates(trusted, shown);
    }

    /// <summary>How TLS is spoken with the host.</summary>
    public SslClientAuthenticationOptions MakeOptions(bool isInsecure)
    {
        var tls = new SslClientAuthenticationOptions();
        if (isInsecure)
        {
#pragma warning disable CA5359 // the user named this host as one whose certificate is not checked
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else
        {
            tls.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) => TlsFailure.Require(sender, certificate, chain, errors, authorities.Count > 0 ? Check : null);
        }

        if (own.Count > 0)
        {
            tls.ClientCertificates = own;
            tls.LocalCertificateSelectionCallback = static (_, _, certificates, _, issuers) =>
                certificates.Cast<X509Certificate>().FirstOrDefault(certificate => issuers.Contains(certificate.Issuer, StringComparer.Ordinal)) ?? certificates[0];
        }

        return tls;
    }

    private X509ChainStatusFlags Check(X509Certificate2 remote, X509Chain? sent)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1")); // for servers
        foreach (X509ChainElement element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(remote) ? X509ChainStatusFlags.NoError : TlsFailure.StatusOf(chain);
    }

    private static IEnumerable<string> FilesOf(IReadOnlyList<string> folders, Uri uri)
    {
        string host = uri.IdnHost.Contains(':', StringComparison.Ordinal) ? $"[{uri.IdnHost.Trim('[', ']')}]" : uri.IdnHost;
        List<string> names = [string.Create(CultureInfo.InvariantCulture, $"{host}:{uri.Port}"), host];
        if (host == EndpointFinder.HubHost)
        {
            names.Add(ImageReference.DefaultDomain);
        }

        return folders.SelectMany(folder => names.Select(name => Path.Combine(folder, name)))
            .Where(Directory.Exists)
            .SelectMany(static folder => Directory.EnumerateFiles(folder).Where(static file => Path.GetExtension(file) is ".crt" or ".cert" or ".key").Order(StringComparer.Ordinal));
    }

    private static string Require(string file, string otherwise) => File.Exists(file) ? file : throw new EngineException(ErrorKind.InvalidArgument, otherwise);
}
