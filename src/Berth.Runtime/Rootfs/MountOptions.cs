using Berth.Linux.Mounts;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// The words of a mount's options sorted by who they are for: the mount (read-only, nosuid, ...), its propagation, and, as <see cref="Data"/>,
/// the file system. Later words win over earlier ones.
/// </summary>
internal sealed record MountOptions
{
    private static readonly Dictionary<string, (MountAttributes Attribute, bool On, MountFlags Classic)> AttributeWords = new(StringComparer.Ordinal)
    {
        ["ro"] = (MountAttributes.MOUNT_ATTR_RDONLY, true, MountFlags.MS_RDONLY),
        ["rw"] = (MountAttributes.MOUNT_ATTR_RDONLY, false, MountFlags.MS_RDONLY),
        ["nosuid"] = (MountAttributes.MOUNT_ATTR_NOSUID, true, MountFlags.MS_NOSUID),
        ["suid"] = (MountAttributes.MOUNT_ATTR_NOSUID, false, MountFlags.MS_NOSUID),
        ["nodev"] = (MountAttributes.MOUNT_ATTR_NODEV, true, MountFlags.MS_NODEV),
        ["dev"] = (MountAttributes.MOUNT_ATTR_NODEV, false, MountFlags.MS_NODEV),
        ["noexec"] = (MountAttributes.MOUNT_ATTR_NOEXEC, true, MountFlags.MS_NOEXEC),
        ["exec"] = (MountAttributes.MOUNT_ATTR_NOEXEC, false, MountFlags.MS_NOEXEC),
        ["noatime"] = (MountAttributes.MOUNT_ATTR_NOATIME, true, MountFlags.MS_NOATIME),
        ["atime"] = (MountAttributes.MOUNT_ATTR_NOATIME, false, MountFlags.MS_NOATIME),
        ["strictatime"] = (MountAttributes.MOUNT_ATTR_STRICTATIME, true, MountFlags.MS_STRICTATIME),
        ["nostrictatime"] = (MountAttributes.MOUNT_ATTR_STRICTATIME, false, MountFlags.MS_STRICTATIME),
        ["relatime"] = (MountAttributes.MOUNT_ATTR__ATIME, false, MountFlags.MS_RELATIME),
        ["norelatime"] = (MountAttributes.MOUNT_ATTR_STRICTATIME, true, MountFlags.MS_STRICTATIME),
        ["nodiratime"] = (MountAttributes.MOUNT_ATTR_NODIRATIME, true, MountFlags.MS_NODIRATIME),
        ["diratime"] = (MountAttributes.MOUNT_ATTR_NODIRATIME, false, MountFlags.MS_NODIRATIME),
        ["nosymfollow"] = (MountAttributes.MOUNT_ATTR_NOSYMFOLLOW, true, MountFlags.MS_NOSYMFOLLOW),
        ["symfollow"] = (MountAttributes.MOUNT_ATTR_NOSYMFOLLOW, false, MountFlags.MS_NOSYMFOLLOW),
    };

    // Settings of a file system rather than of a mount; fsconfig(2) takes the words, mount(2) the flags. For a bind they belong to the source, which stays as it is.
    private static readonly Dictionary<string, (MountFlags Flag, bool On)> FileSystemWords = new(StringComparer.Ordinal)
    {
        ["sync"] = (MountFlags.MS_SYNCHRONOUS, true), ["async"] = (MountFlags.MS_SYNCHRONOUS, false), ["dirsync"] = (MountFlags.MS_DIRSYNC, true),
        ["lazytime"] = (MountFlags.MS_LAZYTIME, true), ["nolazytime"] = (MountFlags.MS_LAZYTIME, false),
        ["mand"] = (MountFlags.MS_MANDLOCK, true), ["nomand"] = (MountFlags.MS_MANDLOCK, false),
        ["silent"] = (MountFlags.MS_SILENT, true), ["loud"] = (MountFlags.MS_SILENT, false),
        ["iversion"] = (MountFlags.MS_I_VERSION, true), ["noiversion"] = (MountFlags.MS_I_VERSION, false),
    };

    // Those that only mount(2) has a form for.
    private const MountFlags ClassicOnly = MountFlags.MS_I_VERSION | MountFlags.MS_SILENT;

    private static readonly Dictionary<string, MountFlags> PropagationWords = new(StringComparer.Ordinal)
    {
        ["private"] = MountFlags.MS_PRIVATE, ["slave"] = MountFlags.MS_SLAVE, ["shared"] = MountFlags.MS_SHARED, ["unbindable"] = MountFlags.MS_UNBINDABLE,
    };

    /// <summary>Every word that is not for the file system, sorted.</summary>
    public static IReadOnlyList<string> Words =>
    [
        .. AttributeWords.Keys.Concat(AttributeWords.Keys.Select(static word => "r" + word)).Concat(FileSystemWords.Keys)
            .Concat(PropagationWords.Keys).Concat(PropagationWords.Keys.Select(static word => "r" + word))
            .Concat(["bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap", "defaults"]).Order(StringComparer.Ordinal),
    ];

    /// <summary>Whether an existing folder or file is shown at another place.</summary>
    public bool IsBind { get; private set; }

    /// <summary>With the mounts below it.</summary>
    public bool IsRecursive { get; private set; }

    /// <summary>Attributes to set on the mount, and on those below it (<c>rro</c>, ...).</summary>
    public MountAttributes Set { get; private set; }

    public MountAttributes Clear { get; private set; }

    public MountAttributes SetBelow { get; private set; }

    public MountAttributes ClearBelow { get; private set; }

    /// <summary>The attributes and file system settings as mount(2) has them.</summary>
    public MountFlags Classic { get; private set; }

    /// <summary>MS_PRIVATE and so on; 0 when none is named.</summary>
    public MountFlags Propagation { get; private set; }

    /// <summary>Whether the propagation is also for the mounts below.</summary>
    public bool PropagationBelow { get; private set; }

    /// <summary>What is left, for the file system.</summary>
    public List<string> Data { get; } = [];

    /// <summary>Whether what is mounted already is to be changed.</summary>
    public bool IsRemount { get; private set; }

    /// <summary>Whether a new tmpfs begins with a copy of what it covers.</summary>
    public bool CopiesUp { get; private set; }

    /// <summary>Whether owners are to be mapped; and those of the mounts below, too.</summary>
    public bool MapsIds { get; private set; }

    public bool MapsIdsBelow { get; private set; }

    /// <summary>Whether a new file system needs mount(2), as fsconfig(2) has no word for something, or no room (256 bytes a value).</summary>
    public bool NeedsClassicMount => (Classic & MountFlags.MS_I_VERSION) != MountFlags.None || Data.Any(static word => word.Length > 255);

    /// <summary>The data, one option each; several may have been given in one word.</summary>
    public IEnumerable<string> SingleOptions => Data.SelectMany(Separate).Concat(FileSystemFlags);

    /// <summary>Words like <c>sync</c>, for a file system made with fsopen(2).</summary>
    public List<string> FileSystemFlags { get; } = [];

    /// <summary>Sorts the words. Every word ends up somewhere; what nobody knows the file system will refuse.</summary>
    public static MountOptions Parse(string? type, IEnumerable<string> words)
    {
        var options = new MountOptions { IsBind = type == "bind" };
        foreach (string word in words)
            options.Add(word);
        return options;
    }

    /// <summary>A propagation word (<c>rslave</c>) as flags of mount(2); null when it is none.</summary>
    public static MountFlags? ParsePropagation(string word)
    {
        bool below = word.StartsWith('r');
        return PropagationWords.TryGetValue(below ? word[1..] : word, out MountFlags flags) ? flags | (below ? MountFlags.MS_REC : MountFlags.None) : null;
    }

    private void Add(string word)
    {
        if (word is "bind" or "rbind")
        {
            IsBind = true;
            IsRecursive = word == "rbind";
        }
        else if (ParsePropagation(word) is { } propagation)
        {
            Propagation = propagation & ~MountFlags.MS_REC;
            PropagationBelow = propagation.HasFlag(MountFlags.MS_REC);
        }
        else if (AttributeWords.TryGetValue(word, out var attribute))
        {
            (Set, Clear) = Apply(Set, Clear, attribute.Attribute, attribute.On);
            Classic = attribute.On ? Classic & ~Exclusive(attribute.Classic) | attribute.Classic : Classic & ~attribute.Classic;
        }
        else if (word.StartsWith('r') && AttributeWords.TryGetValue(word[1..], out attribute))
        {
            (SetBelow, ClearBelow) = Apply(SetBelow, ClearBelow, attribute.Attribute, attribute.On);
        }
        else if (FileSystemWords.TryGetValue(word, out var setting))
        {
            Classic = setting.On ? Classic | setting.Flag : Classic & ~setting.Flag;
            if ((setting.Flag & ClassicOnly) == MountFlags.None)
                FileSystemFlags.Add(word);
        }
        else if (word is "remount")
        {
            IsRemount = true;
        }
        else if (word is "tmpcopyup")
        {
            CopiesUp = true;
        }
        else if (word is "idmap" or "ridmap")
        {
            MapsIds = true;
            MapsIdsBelow = word == "ridmap";
        }
        else if (word is not ("defaults" or ""))
        {
            Data.Add(word);
        }
    }

    private static MountFlags Exclusive(MountFlags flag)
    {
        const MountFlags AccessTime = MountFlags.MS_NOATIME | MountFlags.MS_STRICTATIME | MountFlags.MS_RELATIME;
        return (flag & AccessTime) != MountFlags.None ? AccessTime : MountFlags.None;
    }

    // A comma behind a backslash is part of the value.
    private static IEnumerable<string> Separate(string word)
    {
        int start = 0;
        for (int i = 0; i <= word.Length; i++)
        {
            if (i < word.Length && (word[i] != ',' || i > 0 && word[i - 1] == '\\'))
                continue;
            if (i > start)
                yield return word[start..i];
            start = i + 1;
        }
    }

    // The access time setting is one field: choosing a value means clearing the whole field, and mount_setattr(2) demands exactly that.
    private static (MountAttributes Set, MountAttributes Clear) Apply(MountAttributes set, MountAttributes clear, MountAttributes attribute, bool on)
    {
        MountAttributes field = (attribute & MountAttributes.MOUNT_ATTR__ATIME) != MountAttributes.None ? MountAttributes.MOUNT_ATTR__ATIME : attribute;
        set &= ~field;
        if (on)
            set |= attribute;
        return (set, field == attribute && on ? clear & ~field : clear | field);
    }
}
