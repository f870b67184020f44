using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>Why TLS with a host did not come about, in the words of Go's library, and what to do.</summary>
internal sealed class TlsFailure : AuthenticationException
{
    private static readonly string[] Alerts = ["alert certificate required", "alert bad certificate", "alert certificate unknown", "alert certificate expired", "alert unknown ca"];

    private TlsFailure(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>The failure that a request ended with; null when it was another one.</summary>
    /// <param name="cause">What the request ended with.</param>
    /// <param name="host">Whom it went to.</param>
    /// <param name="folders">Where certificates are looked for.</param>
    public static TlsFailure? Of(Exception cause, Uri host, IReadOnlyList<string> folders)
    {
        string folder = Path.Combine(folders.Count > 0 ? folders[0] : "certs.d", host.Authority);
        for (Exception? e = cause; e is not null; e = e.InnerException)
        {
            // With TLS 1.3 it comes after the handshake, as the answer to the request.
            if (Alerts.FirstOrDefault(alert => e.Message.Contains(alert, StringComparison.Ordinal)) is { } alert)
            {
                return new TlsFailure($"remote error: tls: {alert["alert ".Length..]}; the certificate to show there belongs into {folder}/client.cert, its key into {folder}/client.key", cause);
            }

            if (e is CertificateRefusal refusal)
            {
                return new TlsFailure($"x509: {refusal.Message}" + (refusal.IsUnknown ? $"; its authority's certificate belongs into {folder}/ca.crt" : ""), cause);
            }
        }

        for (Exception? e = cause; e is not null; e = e.InnerException)
        {
            if (e is AuthenticationException tls)
            {
                return new TlsFailure(
                    tls.Message.Contains("frame", StringComparison.OrdinalIgnoreCase)
                        ? "http: server gave HTTP response to HTTPS client; if the registry is to be spoken to in plain text, name it in insecure-registries"
                        : $"tls: {tls.GetBaseException().Message}",
                    cause);
            }
        }

        return null;
    }

    /// <summary>Lets a certificate pass that the system's check, or <paramref name="check"/>, finds good.</summary>
    /// <param name="sender">The stream.</param>
    /// <param name="certificate">The host's.</param>
    /// <param name="chain">As the system made it.</param>
    /// <param name="errors">What the system says.</param>
    /// <param name="check">A check against the host's own authorities: what it finds wrong with the chain, or NoError; null when there are none.</param>
    /// <exception cref="CertificateRefusal">It is not.</exception>
    public static bool Require(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, Func<X509Certificate2, X509Chain?, X509ChainStatusFlags>? check)
    {
        if (errors == SslPolicyErrors.None)
        {
            return true;
        }

        if (certificate is not X509Certificate2 remote)
        {
            throw new CertificateRefusal("the host showed no certificate", isUnknown: false);
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            throw new CertificateRefusal($"certificate is not valid for {(sender as SslStream)?.TargetHostName}; it is for {NamesOf(remote)}", isUnknown: false);
        }

        X509ChainStatusFlags found = check?.Invoke(remote, chain) ?? StatusOf(chain);
        return found == X509ChainStatusFlags.NoError ? true : throw Refuse(remote, found, check is not null);
    }

    /// <summary>What is wrong with a chain that was found bad.</summary>
    public static X509ChainStatusFlags StatusOf(X509Chain? chain)
    {
        X509ChainStatusFlags all = (chain?.ChainStatus ?? []).Aggregate(X509ChainStatusFlags.NoError, static (flags, status) => flags | status.Status);
        return all == X509ChainStatusFlags.NoError ? X509ChainStatusFlags.PartialChain : all;
    }

    private static CertificateRefusal Refuse(X509Certificate2 remote, X509ChainStatusFlags found, bool hasAuthorities)
    {
        DateTime now = DateTime.Now;
        if (now < remote.NotBefore || now > remote.NotAfter)
        {
            return new CertificateRefusal($"certificate has expired or is not yet valid: it is from {remote.NotBefore.ToUniversalTime():u} to {remote.NotAfter.ToUniversalTime():u}", isUnknown: false);
        }

        // The signature is not valid where an authority has the right name and another key.
        bool isUnknown = (found & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid)) != X509ChainStatusFlags.NoError;
        return new CertificateRefusal(
            isUnknown ? $"certificate signed by unknown authority{(hasAuthorities ? ", also by those of its folder" : "")} ({found})" : $"certificate, or one of those that vouch for it, is not good: {found}",
            isUnknown);
    }

    private static string NamesOf(X509Certificate2 certificate)
    {
        X509SubjectAlternativeNameExtension? names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
        List<string> told = names is null ? [] : [.. names.EnumerateDnsNames(), .. names.EnumerateIPAddresses().Select(static address => address.ToString())];
        return PrintableText.Of(told.Count == 0 ? "no names" : string.Join(", ", told.Take(8)));
    }

    private sealed class CertificateRefusal(string message, bool isUnknown) : AuthenticationException(message)
    {
        public bool IsUnknown => isUnknown;
    }
}
