namespace Berth.Registry.Transport;

/// <summary>One place that serves a registry's repositories.</summary>
/// <param name="Base">Scheme, host and port; the path is <c>/</c>.</param>
/// <param name="Prefix">What stands before repository paths there: empty, or parts that end in a slash.</param>
/// <param name="Credential">What may be shown there.</param>
/// <param name="IsMirror">Whether the registry itself is another.</param>
/// <param name="IsInsecure">Certificates are not checked; plain text is allowed.</param>
internal sealed record RegistryEndpoint(Uri Base, string Prefix, RegistryCredential Credential, bool IsMirror, bool IsInsecure)
{
    /// <summary>As messages name it.</summary>
    public string Name => Base.Authority;

    /// <summary><c>/v2/</c> and what follows it.</summary>
    public Uri At(string repository, string rest) => new(Base, $"/v2/{Prefix}{repository}/{rest}");

    public bool IsOriginOf(Uri uri) => uri.Scheme == Base.Scheme && uri.Port == Base.Port && uri.IdnHost.Equals(Base.IdnHost, StringComparison.OrdinalIgnoreCase);
}
