using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Berth.Tests.Registries;

/// <summary>A certificate authority of a test, with its files in a folder of its own.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 certificate;

    public TestAuthority()
    {
        var request = new CertificateRequest("CN=berth test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature, true));
        certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("berth-authority-").FullName;

    /// <summary>The authority's own certificate.</summary>
    public string CertificateFile => Path.Combine(Folder, "ca.pem");

    /// <summary>Writes a certificate for this machine's loopback names (and others: names and addresses), or for a client, and its key.</summary>
    public (string Certificate, string Key) Issue(string name, bool isServer = true, params IReadOnlyList<string> others)
    {
        using ECDsa own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", own, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(isServer ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2")], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        foreach (string other in others)
        {
            if (IPAddress.TryParse(other, out IPAddress? address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(other);
            }
        }

        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(certificate, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(12));
        (string certificateFile, string keyFile) = (Path.Combine(Folder, name + ".pem"), Path.Combine(Folder, name + "-key.pem"));
        File.WriteAllText(certificateFile, issued.ExportCertificatePem());
        File.WriteAllText(keyFile, own.ExportPkcs8PrivateKeyPem());
        return (certificateFile, keyFile);
    }

    public void Dispose()
    {
        key.Dispose();
        certificate.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
