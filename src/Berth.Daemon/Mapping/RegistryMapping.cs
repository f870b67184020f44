using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Engine.Registries;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Daemon.Mapping;

/// <summary>Between the API's registry requests and Engine.</summary>
internal static class RegistryMapping
{
    private const int MaxHeader = 256 << 10;
    private const int BarWidth = 50;

    /// <summary>The credential in the header X-Registry-Auth; nobody without one. As with docker, a header that is none counts as none where nothing needs it.</summary>
    public static RegistryCredential ReadCredential(HttpContext context) => TryReadHeader(context, out RegistryAuth? auth) && auth is not null ? ToCredential(auth) : RegistryCredential.None;

    /// <summary>The same where docker insists on the header.</summary>
    /// <exception cref="EngineException">InvalidArgument without one that can be read.</exception>
    public static RegistryCredential RequireCredential(HttpContext context) => TryReadHeader(context, out RegistryAuth? auth)
        ? auth is null ? throw new EngineException(ErrorKind.InvalidArgument, "Bad parameters and missing X-Registry-Auth: EOF") : ToCredential(auth)
        : throw new EngineException(ErrorKind.InvalidArgument, "Bad parameters and malformed X-Registry-Auth: wanted base64url of JSON");

    public static RegistryCredential ToCredential(RegistryAuth auth)
    {
        (string user, string password) = (auth.Username ?? "", auth.Password ?? "");
        if (user.Length == 0 && auth.Auth is { Length: > 0 } pair)
        {
            try
            {
                string text = Encoding.UTF8.GetString(Convert.FromBase64String(pair));
                int colon = text.IndexOf(':', StringComparison.Ordinal);
                (user, password) = colon > 0 ? (text[..colon], text[(colon + 1)..]) : (user, password);
            }
            catch (FormatException exception)
            {
                throw new EngineException(ErrorKind.InvalidArgument, "the member auth of the credentials is not base64", exception);
            }
        }

        return new RegistryCredential { Username = user, Password = password, IdentityToken = auth.IdentityToken ?? "", RegistryToken = auth.RegistryToken ?? "" };
    }

    /// <summary>The registry of a login: a host and port, docker.io for docker's own name of it, or the host of a URL.</summary>
    public static string ToDomain(string? address)
    {
        if (string.IsNullOrEmpty(address))
        {
            return ImageReference.DefaultDomain;
        }

        string host = address;
        int scheme = host.IndexOf("://", StringComparison.Ordinal);
        host = scheme < 0 ? host : host[(scheme + 3)..];
        int slash = host.IndexOf('/', StringComparison.Ordinal);
        host = slash < 0 ? host : host[..slash];
        return host is "index.docker.io" or "registry-1.docker.io" ? ImageReference.DefaultDomain : host;
    }

    public static JsonMessage ToMessage(TransferMessage message)
    {
        if (message.Pushed is { } pushed)
        {
            return new JsonMessage
            {
                ProgressDetail = new JsonProgress(),
                Aux = JsonSerializer.SerializeToElement(new PushedTagAux { Tag = pushed.Tag, Digest = pushed.Digest.ToString(), Size = pushed.Size }, ApiJson.Context.PushedTagAux),
            };
        }

        return new JsonMessage
        {
            Status = message.Status,
            ProgressDetail = message.IsStep ? new JsonProgress { Current = message.Done, Total = message.Total } : null,
            Progress = message.Total > 0 ? Bar(message.Done, message.Total) : null,
            Id = message.Id,
        };
    }

    public static DistributionInspect ToInspect(Descriptor document, IReadOnlyList<Platform> platforms) => new()
    {
        Descriptor = new DistributionDescriptor { MediaType = document.MediaType, Digest = document.Digest.ToString(), Size = document.Size },
        Platforms = [.. platforms.Select(static platform => new DistributionPlatform { Architecture = platform.Architecture, Os = platform.Os, Variant = string.IsNullOrEmpty(platform.Variant) ? null : platform.Variant })],
    };

    public static ImageSearchHit ToHit(SearchHit hit) => new()
    {
        Name = hit.Name,
        Description = hit.Description,
        StarCount = hit.StarCount,
        IsOfficial = hit.IsOfficial,
        IsAutomated = hit.IsAutomated,
    };

    // What docker's daemon draws for clients that do not draw themselves.
    private static string Bar(long done, long total)
    {
        int filled = (int)Math.Clamp(done * BarWidth / total, 0, BarWidth);
        string bar = filled == BarWidth ? new string('=', BarWidth) + ">" : new string('=', filled) + ">" + new string(' ', BarWidth - filled);
        return string.Create(CultureInfo.InvariantCulture, $"[{bar}] {Size(done),8}/{Size(total)}");
    }

    private static string Size(double bytes)
    {
        string[] units = ["B", "kB", "MB", "GB", "TB"];
        int unit = 0;
        while (bytes >= 1000 && unit < units.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        return FourDigits(bytes) + units[unit];
    }

    // Go's %.4g.
    private static string FourDigits(double value)
    {
        int whole = value < 1 ? 1 : (int)Math.Floor(Math.Log10(value)) + 1;
        return Math.Round(value, Math.Max(0, 4 - whole)).ToString("0.###", CultureInfo.InvariantCulture);
    }

    // False for one that cannot be read; null without one, or with an empty one.
    private static bool TryReadHeader(HttpContext context, out RegistryAuth? auth)
    {
        auth = null;
        string header = context.Request.Headers[RegistryAuth.HeaderName].ToString();
        if (header.Length == 0)
        {
            return true;
        }

        try
        {
            if (header.Length > MaxHeader)
            {
                return false;
            }

            auth = JsonSerializer.Deserialize(Base64Url.DecodeFromChars(header.Replace('+', '-').Replace('/', '_').AsSpan().TrimEnd('=')), ApiJson.Context.RegistryAuth);
            return true;
        }
        catch (Exception exception) when (exception is FormatException or JsonException)
        {
            return false;
        }
    }
}
