using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Berth.Model;

/// <summary>The content address of a blob, <c>sha256:</c> and 64 lower-case hexadecimal digits (OCI image specification, descriptor.md, "Digests").</summary>
public readonly record struct Digest
{
    private const string Prefix = "sha256:";
    private readonly string? hex;

    private Digest(string hex) => this.hex = hex;

    /// <summary>The 64 hexadecimal digits without the algorithm.</summary>
    public string Hex => hex ?? throw new InvalidOperationException("an empty digest has no value");

    /// <summary>Whether this is the default value, which addresses nothing.</summary>
    public bool IsEmpty => hex is null;

    /// <summary>Parses <paramref name="text"/>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when it is not a sha256 digest.</exception>
    public static Digest Parse(string text) =>
        TryParse(text, out Digest digest) ? digest : throw new EngineException(ErrorKind.InvalidArgument, $"invalid digest \"{text}\": wanted sha256: and 64 hexadecimal digits");

    /// <summary>Parses <paramref name="text"/>; false when it is not a sha256 digest.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        if (text is null || !text.StartsWith(Prefix, StringComparison.Ordinal) || !IsHex(text.AsSpan(Prefix.Length), 64))
        {
            return false;
        }

        digest = new Digest(text[Prefix.Length..]);
        return true;
    }

    /// <summary>Wraps 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when they are not.</exception>
    public static Digest FromHex(string hex) => Parse(Prefix + hex);

    /// <summary>Wraps a finished SHA-256 of 32 bytes.</summary>
    public static Digest FromHash(ReadOnlySpan<byte> sha256) =>
        sha256.Length == SHA256.HashSizeInBytes
            ? new Digest(Convert.ToHexStringLower(sha256))
            : throw new ArgumentException($"a SHA-256 has 32 bytes, got {sha256.Length}", nameof(sha256));

    /// <summary>The digest of <paramref name="content"/>.</summary>
    public static Digest Of(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, hash);
        return FromHash(hash);
    }

    /// <summary>The canonical form, <c>sha256:…</c>; empty for the default value.</summary>
    public override string ToString() => hex is null ? "" : Prefix + hex;

    internal static bool IsHex(ReadOnlySpan<char> text, int length)
    {
        if (text.Length != length)
        {
            return false;
        }

        foreach (char c in text)
        {
            if (c is not ((>= '0' and <= '9') or (>= 'a' and <= 'f')))
            {
                return false;
            }
        }

        return true;
    }
}
