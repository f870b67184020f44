namespace Berth.Registry;

/// <summary>Who one is to a registry. Its text forms never show a secret.</summary>
public sealed record RegistryCredential
{
    /// <summary>Nobody.</summary>
    public static RegistryCredential None { get; } = new();

    public string Username { get; init; } = "";
    public string Password { get; init; } = "";

    /// <summary>A refresh token from an earlier login, used instead of the password.</summary>
    public string IdentityToken { get; init; } = "";

    /// <summary>A bearer token that is sent as it is.</summary>
    public string RegistryToken { get; init; } = "";

    /// <summary>Whether there is nothing to show to a registry.</summary>
    public bool IsEmpty => Username.Length == 0 && Password.Length == 0 && IdentityToken.Length == 0 && RegistryToken.Length == 0;

    /// <summary>The user's name alone.</summary>
    public override string ToString() => IsEmpty ? "nobody" : Username.Length > 0 ? Username : "a token";
}
