using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Berth.Model;

/// <summary>A container's (or exec session's) identity: 64 lower-case hexadecimal digits, drawn at random.</summary>
public readonly record struct ContainerId
{
    private readonly string? hex;

    private ContainerId(string hex) => this.hex = hex;

    /// <summary>The first twelve digits, as `ps` shows them.</summary>
    public string Short => ToString()[..12];

    /// <summary>A new random identity; its short form is never a number, since that becomes the container's host name, which tools would take for an address.</summary>
    public static ContainerId Create()
    {
        Span<byte> random = stackalloc byte[32];
        while (true)
        {
            RandomNumberGenerator.Fill(random);
            var id = new ContainerId(Convert.ToHexStringLower(random));
            if (id.Short.Any(char.IsAsciiLetter))
            {
                return id;
            }
        }
    }

    /// <summary>Parses 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when they are not.</exception>
    public static ContainerId Parse(string text) =>
        TryParse(text, out ContainerId id) ? id : throw new EngineException(ErrorKind.InvalidArgument, $"invalid id \"{text}\": wanted 64 hexadecimal digits");

    /// <summary>Parses 64 lower-case hexadecimal digits; false when they are not.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ContainerId id)
    {
        id = default;
        if (text is null || !Digest.IsHex(text, 64))
        {
            return false;
        }

        id = new ContainerId(text);
        return true;
    }

    /// <summary>All 64 digits.</summary>
    public override string ToString() => hex ?? throw new InvalidOperationException("an empty container id has no value");
}
