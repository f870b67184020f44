using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Berth.Tests.Registries;

/// <summary>A token service (distribution, "Token Authentication Specification"): one user, who may do everything; others may do nothing. Refresh tokens for those who ask for them.</summary>
internal sealed class TokenServer : IDisposable
{
    public const string Service = "test-registry";
    public const string Issuer = "test-issuer";
    public const string User = "ada";
    public const string Password = "pass:word";
    public const string RefreshToken = "refresh-4711";
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string folder = Directory.CreateTempSubdirectory("berth-tokens-").FullName;
    private readonly string chain;

    public TokenServer()
    {
        var request = new CertificateRequest("CN=tokens", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        chain = Convert.ToBase64String(certificate.RawData);
        File.WriteAllText(BundleFile, certificate.ExportCertificatePem());
        Serve();
    }

    public FaultProxy Server { get; } = new();

    /// <summary>Whether users without a name may read.</summary>
    public bool IsPublic { get; set; }

    public string Realm => $"http://{Server.Address}/token";

    /// <summary>The section of docker-registry's configuration that makes it want these tokens.</summary>
    public string Configuration => $"""
        auth:
          token:
            realm: {Realm}
            service: {Service}
            issuer: {Issuer}
            rootcertbundle: {BundleFile}
        """;

    private string BundleFile => Path.Combine(folder, "bundle.pem");

    /// <summary>Answers; again after its server was told to forget.</summary>
    public void Serve() => Server.When(static request => request.Method is "GET" or "POST", Answer);

    /// <summary>A token that docker-registry takes.</summary>
    public string Issue(string subject, IEnumerable<string> scopes)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        var access = new StringBuilder();
        foreach (string[] parts in scopes.Select(static scope => scope.Split(':')))
        {
            access.Append(access.Length == 0 ? "" : ",")
                .Append($$"""{"type":"{{parts[0]}}","name":"{{string.Join(':', parts[1..^1])}}","actions":[{{string.Join(',', parts[^1].Split(',').Select(static action => $"\"{action}\""))}}]}""");
        }

        string header = $$"""{"typ":"JWT","alg":"ES256","x5c":["{{chain}}"]}""";
        string claims = $$"""{"iss":"{{Issuer}}","sub":"{{subject}}","aud":"{{Service}}","exp":{{now.AddMinutes(5).ToUnixTimeSeconds()}},"nbf":{{now.AddMinutes(-1).ToUnixTimeSeconds()}},"iat":{{now.ToUnixTimeSeconds()}},"jti":"{{Guid.NewGuid()}}","access":[{{access}}]}""";
        string signed = Encode(Encoding.UTF8.GetBytes(header)) + "." + Encode(Encoding.UTF8.GetBytes(claims));
        return signed + "." + Encode(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256));
    }

    public void Dispose()
    {
        Server.Dispose();
        key.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static string Encode(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private Fault Answer(ProxyRequest request)
    {
        if (request.Method == "POST")
        {
            return Fault.Answer(200, $$"""{"access_token":"{{Issue(User, ["repository:a/b:pull,push"])}}","refresh_token":"{{RefreshToken}}","expires_in":300}""");
        }

        List<KeyValuePair<string, string>> query = [.. (request.Target.Split('?', 2).ElementAtOrDefault(1) ?? "").Split('&').Select(static part => part.Split('=', 2))
            .Select(static part => new KeyValuePair<string, string>(part[0], WebUtility.UrlDecode(part.ElementAtOrDefault(1) ?? "")))];
        string? authorization = request.Header("Authorization");
        bool isUser = authorization == "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"));
        if (authorization is not null && !isUser)
        {
            return Fault.Answer(401, """{"details":"incorrect username or password"}""");
        }

        IEnumerable<string> scopes = query.Where(static pair => pair.Key == "scope").Select(static pair => pair.Value);
        IEnumerable<string> granted = isUser ? scopes : IsPublic ? scopes.Select(static scope => scope[..scope.LastIndexOf(':')] + ":pull") : [];
        bool wantsRefresh = query.Exists(static pair => pair is { Key: "offline_token", Value: "true" });
        return Fault.Answer(200, $$"""{"token":"{{Issue(User, granted)}}","expires_in":300{{(wantsRefresh ? $",\"refresh_token\":\"{RefreshToken}\"" : "")}}}""");
    }
}
