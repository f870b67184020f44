namespace Berth.Model.Oci.Image;

/// <summary>
/// Which of an index's images a platform gets. A processor runs what its elder siblings run: arm/v7 takes v6 and v5, arm64 is v8 and takes arm,
/// amd64/v3 takes v2 and plain amd64, amd64 takes 386; the nearest wins, of equals the first.
/// </summary>
public static class PlatformChoice
{
    /// <summary>Statements about images stand in an index beside them, for a platform that nobody has.</summary>
    public static bool IsAttestation(IndexDescriptor descriptor) => descriptor.Platform is { Os: "unknown", Architecture: "unknown" };

    /// <summary>The entry for <paramref name="platform"/>, or null; attestations and artifacts are passed over. A single entry that does not say what it is for is taken.</summary>
    public static IndexDescriptor? Find(IEnumerable<IndexDescriptor> descriptors, Platform platform)
    {
        List<IndexDescriptor> images = [.. descriptors.Where(static descriptor => !IsAttestation(descriptor) && string.IsNullOrEmpty(descriptor.ArtifactType))];
        foreach ((string architecture, string variant) in Acceptable(platform))
        {
            IndexDescriptor? found = images.Find(image =>
                image.Platform is { } offered && offered.Os == platform.Os && Normalize(offered.Architecture, offered.Variant) == (architecture, variant));
            if (found is not null)
            {
                return found;
            }
        }

        return images is [{ Platform: null } only] ? only : null;
    }

    /// <summary>Whether an image that is for <paramref name="offered"/> can be taken for <paramref name="wanted"/>.</summary>
    public static bool Fits(Platform offered, Platform wanted) =>
        offered.Os == wanted.Os && Acceptable(wanted).Contains(Normalize(offered.Architecture, offered.Variant));

    /// <summary>The platforms that an index offers, as a message lists them.</summary>
    public static string Describe(IEnumerable<IndexDescriptor> descriptors) =>
        string.Join(", ", descriptors.Where(static descriptor => !IsAttestation(descriptor)).Select(static descriptor => descriptor.Platform is { } platform ? PrintableText.Of(platform.ToString()) : "one of an unknown platform"));

    private static List<(string Architecture, string Variant)> Acceptable(Platform wanted)
    {
        (string architecture, string variant) = Normalize(wanted.Architecture, wanted.Variant);
        List<(string Architecture, string Variant)> list = [(architecture, variant)];
        int version = variant.Length == 2 && variant[0] == 'v' && char.IsAsciiDigit(variant[1]) ? variant[1] - '0' : 0;
        switch (architecture)
        {
            case "arm":
                AddDown(list, "arm", version - 1, 5);
                break;
            case "arm64":
                AddDown(list, "arm64", version - 1, 9);
                if (version > 8)
                {
                    list.Add(("arm64", ""));
                }

                AddDown(list, "arm", 8, 5);
                break;
            case "amd64":
                AddDown(list, "amd64", version - 1, 2);
                if (version > 1)
                {
                    list.Add(("amd64", ""));
                }

                list.Add(("386", ""));
                break;
        }

        return list;
    }

    private static void AddDown(List<(string Architecture, string Variant)> list, string architecture, int from, int to)
    {
        for (int i = from; i >= to; i--)
        {
            list.Add((architecture, "v" + i));
        }
    }

    // One spelling for each: what uname says, and the variant that goes without saying.
    private static (string Architecture, string Variant) Normalize(string? architecture, string? variant)
    {
        string version = variant is { Length: > 0 } && char.IsAsciiDigit(variant[0]) ? "v" + variant : variant ?? "";
        return architecture switch
        {
            "x86_64" or "x86-64" or "amd64" => ("amd64", version == "v1" ? "" : version),
            "aarch64" or "arm64" => ("arm64", version == "v8" ? "" : version),
            "armhf" => ("arm", "v7"),
            "armel" => ("arm", "v6"),
            "arm" => ("arm", version.Length == 0 ? "v7" : version),
            "i386" or "i686" => ("386", ""),
            _ => (architecture ?? "", version),
        };
    }
}
